"""Reads a clip for a model from its video file or frame folder, without a frame store."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spm.config.frames import FramesConfig
from spm.episodes.transforms import center_crop
from spm.video.clip import Clip
from spm.video.reading import read_clip


def read_pixels(path: Path, *, frames: FramesConfig, size: int) -> Tensor:
    """The pixels of the clip that a test uses, [T, size, size, 3] uint8.

    Raises DataError with the reason for an unusable file, OSError for a file that cannot be opened.
    """
    return seen_at_test(read_clip(path, frames=frames), frames=frames, size=size)


def seen_at_test(clip: Clip, *, frames: FramesConfig, size: int) -> Tensor:
    """The middle sample of each segment, centre crop: [T, size, size, 3] uint8."""
    middle = clip.frames[frames.samples_per_segment // 2 :: frames.samples_per_segment]
    return torch.from_numpy(np.ascontiguousarray(center_crop(middle, size)))
