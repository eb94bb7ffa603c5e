"""TA2N against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


def check(shots: list[int], *, maps: int = 7, num_frames: int = 4, **values: Any) -> None:
    agreement.check(
        "ta2n",
        channels=16,
        num_frames=num_frames,
        shots=shots,
        values={"widths": [6, 8]} | values,
        maps=maps,
    )


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3]])
def test_logits_and_losses_are_the_references(shots: list[int]) -> None:
    check(shots)


@pytest.mark.parametrize("shots", [[1, 1], [2, 2]])
def test_without_shifts_they_are_the_references(shots: list[int]) -> None:
    check(shots, shifts=False)


@pytest.mark.parametrize(("maps", "num_frames"), [(4, 4), (5, 7), (7, 8)])
def test_other_sizes_are_the_references(maps: int, num_frames: int) -> None:
    check([2, 2], maps=maps, num_frames=num_frames)
