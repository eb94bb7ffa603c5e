"""A clip: what reading a video gives and a shard keeps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]
"""RGB, [n, H, W, 3]."""


@dataclass(frozen=True)
class Clip:
    """Frames of one video."""

    frames: Frames
    """[n, H, W, 3], in the order of the indices picked."""
    reader: str
    """Which reader served them: decord or pyav."""
    video_frames: int
    """Frames that the video has."""
