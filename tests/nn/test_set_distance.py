"""Bi-MHM and its matches, against a table that is read off by hand."""

import pytest
import torch

from spm.nn.set_distance import bi_mhm, matches

TABLE = torch.tensor([[1.0, 5.0, 3.0], [2.0, 7.0, 9.0]], dtype=torch.float64)
"""Nearest in rows: 1 and 2; in columns: 1, 5 and 3."""


def test_each_frame_counts_its_nearest_in_both_directions() -> None:
    assert bi_mhm(TABLE, reduction="sum") == (1 + 2) + (1 + 5 + 3)
    assert bi_mhm(TABLE, reduction="mean") == pytest.approx((1 + 2) / 2 + (1 + 5 + 3) / 3)


def test_a_pair_weighs_as_often_as_one_is_nearest_to_the_other() -> None:
    weights = matches(TABLE, reduction="sum")
    assert weights.tolist() == [[2.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    assert (weights * TABLE).sum() == bi_mhm(TABLE, reduction="sum")
