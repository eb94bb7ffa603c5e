"""A clip: frames as a reader takes them from a video and a shard keeps them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames

Pick = Callable[[int], npt.NDArray[np.int64]]
"""Number of frames of a video -> [n], the indices of the wanted frames."""


class Resize(Protocol):
    """Resizes one frame [H, W, 3] whose pixels are `pixel_aspect` times as wide as high."""

    def __call__(self, frame: Frames, *, pixel_aspect: float = 1) -> Frames: ...


@dataclass(frozen=True)
class Clip:
    """Frames of one video."""

    frames: Frames
    """[n, H, W, 3], in the order of the indices picked."""
    reader: str
    """The reader that decoded them: pyav-seek, pyav (decoded every frame), decord, torchcodec,
    pillow."""
    video_frames: int
    """Number of frames of the video."""
    seconds: float | None = None
    """How long the video is; None: it does not say, as a folder of frames."""
