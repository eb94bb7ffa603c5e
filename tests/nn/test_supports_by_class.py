"""The supports of each class side by side."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from spm.nn.supports_by_class import SupportsByClass, supports_by_class

CUDA = torch.device("cuda", 0)


def by_class(labels: list[int] | list[list[int]], *, classes: int = 3, **given: bool):
    return supports_by_class(
        torch.tensor(labels), num_classes=classes, **{"training": False} | given
    )


def test_supports_of_a_class_keep_their_order_and_missing_ones_are_marked() -> None:
    found = by_class([2, 0, 2, 1, 2, 0], classes=4)
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


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("leading", [(2,), (2, 1), (1, 2)])
def test_each_episode_of_a_batch_has_its_own_order(
    leading: tuple[int, ...], training: bool
) -> None:
    labels = torch.tensor([[2, 0, 1, 1, 0, 2], [0, 0, 1, 1, 2, 2]]).reshape(*leading, 6)
    clips = torch.arange(12.0).reshape(*leading, 6, 1, 1)
    found = supports_by_class(labels, num_classes=3, training=training, equal=True).of(clips)
    assert found.shape == (*leading, 3, 2, 1, 1)
    assert found.reshape(2, 3, 2).tolist() == [
        [[1, 4], [2, 3], [0, 5]],
        [[6, 7], [8, 9], [10, 11]],
    ]


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        ([0, 1, 1], r"\[1, 2, 0\]"),
        ([0, 0, 1, 1, 1, 2], r"\[2, 3, 1\]"),
        ([0, 0, 1, 1], r"\[2, 2, 0\]"),
        ([0], r"\[1, 0, 0\]"),
        ([[0, 1, 2], [0, 2, 2]], r"\[\[1, 1, 1\], \[1, 0, 2\]\]"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_unlike_numbers_are_an_error_where_equal_ones_are_asked_for(
    labels: list[int], counts: str, training: bool
) -> None:
    by_class(labels, training=training)
    said = rf"as many supports as the others; classes 0 to 2 have {counts}: give each class"
    with pytest.raises(ValueError, match=said):
        by_class(labels, training=training, equal=True)


def _on_gpu(labels: list[int], *, training: bool) -> SupportsByClass:
    """Of fake tensors, which raise where a value is needed on the CPU."""
    with FakeTensorMode():
        of_clips = torch.zeros(len(labels), dtype=torch.int64, device=CUDA)
        return supports_by_class(of_clips, num_classes=3, training=training, equal=True)


def test_training_on_a_gpu_waits_for_no_label() -> None:
    assert _on_gpu([0, 0, 1, 1, 2, 2], training=True).where.shape == (3, 2)


def test_a_gpu_is_asked_for_the_numbers_elsewhere_and_where_they_must_differ() -> None:
    with pytest.raises(DataDependentOutputException):
        _on_gpu([0, 0, 1, 1, 2, 2], training=False)
    with pytest.raises(DataDependentOutputException), torch.no_grad():
        _on_gpu([0, 0, 1, 1, 2, 2], training=True)
    with pytest.raises(DataDependentOutputException):
        _on_gpu([0, 0, 1, 1, 2], training=True)
