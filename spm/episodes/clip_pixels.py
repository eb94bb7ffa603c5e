"""A clip as the model takes it, from its video file or folder of frames: without the store."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spm.config.frames import FramesConfig
from spm.episodes.transforms import center_crop
from spm.video.reading import read_clip


def read_pixels(path: Path, *, frames: FramesConfig, size: int) -> Tensor:
    """[T, size, size, 3] uint8: the sample of each segment that a test takes, centre crop.

    Raises DataError with the reason for a file that cannot be used, OSError for one that cannot
    be opened.
    """
    clip = read_clip(path, frames=frames)
    middle = clip.frames[frames.samples_per_segment // 2 :: frames.samples_per_segment]
    return torch.from_numpy(np.ascontiguousarray(center_crop(middle, size)))
