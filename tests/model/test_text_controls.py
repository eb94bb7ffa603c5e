"""Texts in place of the true ones: nothing, one for all, another class's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spm.config.prompts import CONTROLS
from spm.model.text_controls import controlled

NUMBERS = st.integers(min_value=2, max_value=60)


def texts(num_classes: int) -> Tensor:
    """A text for each class that no other class has."""
    return torch.stack([torch.arange(num_classes), -torch.arange(num_classes)], dim=1) + 0.5


def owners(num_classes: int) -> list[int]:
    """Class -> the class whose text it gets."""
    return [int(text[0]) for text in controlled(texts(num_classes), "permuted")]


@given(NUMBERS)
def test_permuted_texts_are_the_same_set_and_none_is_its_own_class(num_classes: int) -> None:
    found = owners(num_classes)
    assert sorted(found) == list(range(num_classes))
    assert all(owner != name for name, owner in enumerate(found))


@given(NUMBERS)
def test_a_permutation_is_one_cycle_and_the_same_each_time(num_classes: int) -> None:
    found = owners(num_classes)
    at, seen = 0, []
    for _ in range(num_classes):
        seen.append(at := found[at])
    assert sorted(seen) == list(range(num_classes))
    assert owners(num_classes) == found


def test_a_class_does_not_simply_get_its_neighbours_text() -> None:
    """Neighbours by name often say nearly the same."""
    steps = [(owner - name) % 48 for name, owner in enumerate(owners(48))]
    assert len(set(steps)) > 12


def test_zero_text_says_nothing_and_mean_text_says_the_same_of_all() -> None:
    given = torch.tensor([[1.0, 2.0], [3.0, 6.0], [2.0, 1.0]])
    assert controlled(given, "zero").tolist() == [[0, 0]] * 3
    assert controlled(given, "mean").tolist() == [[2, 3]] * 3
    assert controlled(given, "none").tolist() == given.tolist()


@pytest.mark.parametrize("control", CONTROLS)
def test_the_given_texts_stay_as_they_are(control) -> None:
    given = texts(4)
    controlled(given, control).add_(1)
    assert torch.equal(given, texts(4))


def test_one_class_has_nobody_to_exchange_texts_with() -> None:
    with pytest.raises(ValueError, match="needs 2 classes or more to exchange texts, got 1"):
        controlled(texts(1), "permuted")
