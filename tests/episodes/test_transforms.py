"""Crops and flips: the same for all frames of a clip, inside the frame."""

import numpy as np
import pytest

from spm.base.errors import ConfigError
from spm.episodes.transforms import center_crop, random_crop, random_flip


def _clip() -> np.ndarray:
    """Each pixel says where it is: channel 0 the row, channel 1 the column."""
    rows, columns = np.mgrid[:20, :30]
    frame = np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    return np.stack([frame] * 3)


def test_center_crop():
    cropped = center_crop(_clip(), 16)
    assert cropped.shape == (3, 16, 16, 3)
    assert cropped[0, 0, 0].tolist() == [2, 7, 0]


def test_random_crop_reaches_every_place_and_is_one_for_the_clip():
    corners = set()
    for seed in range(600):
        cropped = random_crop(_clip(), 16, rng=np.random.default_rng(seed))
        assert cropped.shape == (3, 16, 16, 3)
        assert len({tuple(frame[0, 0]) for frame in cropped}) == 1
        corners.add(tuple(cropped[0, 0, 0, :2]))
    assert corners == {(top, left) for top in range(5) for left in range(15)}


def test_random_flip_mirrors_half_of_the_clips():
    flipped = 0
    for seed in range(200):
        out = random_flip(_clip(), rng=np.random.default_rng(seed))
        mirrored = out[:, 0, 0, 1] == 29
        assert mirrored.all() or not mirrored.any()
        flipped += mirrored[0]
    assert 70 < flipped < 130


def test_a_crop_larger_than_the_frames_is_an_error():
    with pytest.raises(ConfigError, match=r"crop of 24 pixels does not fit .* 30×20"):
        center_crop(_clip(), 24)
