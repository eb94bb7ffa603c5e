"""A clip: what reading a video gives and a shard keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames

Pick = Callable[[int], npt.NDArray[np.int64]]
"""Number of frames that there are -> [n], the places of those that are wanted."""


class Resize(Protocol):
    """Resizes one frame [H, W, 3] whose pixels are `pixel_aspect` times as wide as high."""

    def __call__(self, frame: Frames, *, pixel_aspect: float = 1) -> Frames: ...


@dataclass(frozen=True)
class Clip:
    """Frames of one video."""

    frames: Frames
    """[n, H, W, 3], in the order of the indices picked."""
    reader: str
    """Which reader served them: pyav-seek, pyav (all was decoded), decord, torchcodec, pillow."""
    video_frames: int
    """Frames that the video has."""
