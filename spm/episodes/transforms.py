"""Crops and flips clips [T, H, W, 3] uint8; all frames of a clip get the same crop and flip."""

import numpy as np

from spm.base.arrays import Frames
from spm.base.errors import ConfigError


def center_crop(frames: Frames, size: int) -> Frames:
    """The centre square of the frames, [T, size, size, 3]."""
    height, width = _check(frames, size)
    return _crop(frames, (height - size) // 2, (width - size) // 2, size)


def random_crop(frames: Frames, size: int, *, rng: np.random.Generator) -> Frames:
    """A random square, the same one for all frames, [T, size, size, 3]."""
    height, width = _check(frames, size)
    top, left = rng.integers([height - size + 1, width - size + 1]).tolist()
    return _crop(frames, top, left, size)


def random_flip(frames: Frames, *, rng: np.random.Generator) -> Frames:
    """Mirrors the whole clip left to right with probability 1/2."""
    return frames[:, :, ::-1] if rng.random() < 0.5 else frames


def _crop(frames: Frames, top: int, left: int, size: int) -> Frames:
    return frames[:, top : top + size, left : left + size]


def _check(frames: Frames, size: int) -> tuple[int, int]:
    height, width = frames.shape[1:3]
    if min(height, width) < size:
        raise ConfigError(
            f"a crop of {size} pixels does not fit into frames of {width}×{height}: raise "
            f"frames.short_side to {size} or more, or lower backbone.image_size"
        )
    return height, width
