"""Means over the supports of a class."""

import torch

from spm.nn.prototypes import mean_over_class, pairs_over_class

LABELS = torch.tensor([1, 0, 1])


def test_distances_keep_their_digits_under_autocast() -> None:
    distances = torch.tensor([[1.001, 2.0, 1.003]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        means = mean_over_class(distances, LABELS, num_classes=2)
    torch.testing.assert_close(means, torch.tensor([[2.0, 1.002]]))


def test_pairs_of_frames_are_averaged_over_the_supports_of_each_class() -> None:
    pairs = torch.randn(5, 3, 2, 4, dtype=torch.float64)
    means = pairs_over_class(pairs, LABELS, num_classes=2)
    expected = torch.stack([pairs[:, 1], (pairs[:, 0] + pairs[:, 2]) / 2], dim=1)
    torch.testing.assert_close(means, expected)
