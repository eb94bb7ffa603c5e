"""Supports by class and shot."""

import pytest
import torch

from spm.nn.shots import by_class


def test_a_class_keeps_the_order_of_its_supports() -> None:
    labels = torch.tensor([[2, 0, 1, 1, 0, 2], [0, 0, 1, 1, 2, 2]])
    clips = torch.arange(12.0).reshape(2, 6, 1, 1)
    found = by_class(clips, labels, num_classes=3)
    assert found.shape == (2, 3, 2, 1, 1)
    assert found.squeeze().tolist() == [
        [[1, 4], [2, 3], [0, 5]],
        [[6, 7], [8, 9], [10, 11]],
    ]


@pytest.mark.parametrize("labels", [[0, 1, 1], [0, 0, 1, 1, 1, 2], [0, 0, 1, 1], [0]])
def test_classes_with_unlike_numbers_are_an_error(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"as many supports as the others; .*\["):
        by_class(torch.zeros(len(labels), 2), torch.tensor(labels), num_classes=3)
