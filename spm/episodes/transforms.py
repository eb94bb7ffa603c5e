"""Crops and flips of a clip's frames: [T, H, W, 3] uint8, the same for all frames of a clip."""

import numpy as np

from spm.base.arrays import Frames
from spm.base.errors import ConfigError


def center_crop(frames: Frames, size: int) -> Frames:
    """The middle square, [T, size, size, 3]."""
    height, width = _check(frames, size)
    return _crop(frames, (height - size) // 2, (width - size) // 2, size)


def random_crop(frames: Frames, size: int, *, rng: np.random.Generator) -> Frames:
    """A square at random, one for the whole clip, [T, size, size, 3]."""
    height, width = _check(frames, size)
    top, left = rng.integers([height - size + 1, width - size + 1]).tolist()
    return _crop(frames, top, left, size)


def random_flip(frames: Frames, *, rng: np.random.Generator) -> Frames:
    """Mirrored left to right, or not, with equal chances; one draw for the whole clip."""
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
