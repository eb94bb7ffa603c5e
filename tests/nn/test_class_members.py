"""Supports by class."""

import torch

from spm.nn.class_members import members


def test_supports_of_a_class_keep_their_order_and_missing_ones_are_marked() -> None:
    labels = torch.tensor([2, 0, 2, 1, 2, 0])
    found = members(labels, num_classes=4)
    assert found.present.tolist() == [
        [True, True, False],
        [True, False, False],
        [True, True, True],
        [False, False, False],
    ]
    clips = torch.arange(6)[:, None] * torch.ones(6, 2)
    grouped = found.of(clips)
    assert grouped.shape == (4, 3, 2)
    assert grouped[..., 0][found.present].tolist() == [1, 5, 3, 0, 2, 4]
