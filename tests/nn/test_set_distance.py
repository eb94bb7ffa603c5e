"""Bi-MHM and its matches, against a table that is read off by hand."""

import pytest
import torch

from spm.nn.set_distance import bi_mhm, exact_frame_distance, matches

TABLE = torch.tensor([[1.0, 5.0, 3.0], [2.0, 7.0, 9.0]], dtype=torch.float64)
"""Nearest in rows: 1 and 2; in columns: 1, 5 and 3."""


def test_each_frame_counts_its_nearest_in_both_directions() -> None:
    assert bi_mhm(TABLE, reduction="sum") == (1 + 2) + (1 + 5 + 3)
    assert bi_mhm(TABLE, reduction="mean") == pytest.approx((1 + 2) / 2 + (1 + 5 + 3) / 3)


def test_a_pair_weighs_as_often_as_one_is_nearest_to_the_other() -> None:
    weights = matches(TABLE, reduction="sum")
    assert weights.tolist() == [[2.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    assert (weights * TABLE).sum() == bi_mhm(TABLE, reduction="sum")


def test_the_distance_of_frames_is_of_each_with_each_of_each_clip() -> None:
    frames, clips = torch.randn(2, 3, 6), torch.randn(2, 4, 5, 6)
    found = exact_frame_distance(frames, clips)
    assert found.shape == (2, 4, 3, 5)
    one = torch.cosine_similarity(frames[1, 2], clips[1, 3, 4], dim=0)
    torch.testing.assert_close(found[1, 3, 2, 4], 1 - one)
    of_itself = exact_frame_distance(frames, 0.01 * frames[:, None])[:, 0]
    torch.testing.assert_close(of_itself.diagonal(dim1=-2, dim2=-1), torch.zeros(2, 3))


def test_the_distance_of_frames_keeps_its_digits_under_autocast() -> None:
    frames, clips = torch.randn(3, 16), torch.randn(2, 3, 16)
    expected = exact_frame_distance(frames, clips)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(exact_frame_distance(frames, clips), expected)
