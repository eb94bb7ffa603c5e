"""A video file as the model takes it, without the frame store: for single clips."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spm.config.frames import FramesConfig
from spm.sampling import segment_frames
from spm.transforms import center_crop
from spm.video import read_frames


def read_pixels(path: Path, *, frames: FramesConfig, size: int) -> Tensor:
    """[T, size, size, 3] uint8: the sample of each segment that a test takes, centre crop.

    Raises DataError with the reason for a file that cannot be used, OSError for one that cannot
    be opened.
    """

    def pick(num_video_frames: int) -> np.ndarray:
        indices = segment_frames(
            num_video_frames,
            num_segments=frames.num_segments,
            samples_per_segment=frames.samples_per_segment,
            short_clips=frames.short_clips,
        )
        return indices[:, frames.samples_per_segment // 2]

    clip = read_frames(
        path,
        pick=pick,
        short_side=frames.short_side,
        keep_aspect=frames.keep_aspect,
        reader=frames.reader,
    )
    return torch.from_numpy(np.ascontiguousarray(center_crop(clip.frames, size)))
