"""MoLo against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


def check(
    shots: list[int], *, maps: int = 2, pixels: int | None = None, known: bool = True, **values: Any
) -> None:
    """Without pixels no weight is given to the reconstruction."""
    without = {} if pixels else {"reconstruction_weight": 0.0}
    agreement.check(
        "molo",
        channels=16,
        num_frames=4,
        shots=shots,
        query=1 if pixels else 2,
        values={"hidden_dim": 24} | without | values,
        maps=maps,
        pixels=pixels,
        known_classes=known,
    )


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int]) -> None:
    check(shots, maps=3)


@pytest.mark.parametrize(
    "values",
    [
        {"heads": 4},
        {"motion_weight": 2.0},
        {"position_scale": 2048.0, "position_weight": 0.02},
        {"class_weight": 0.8, "contrast_weight": 0.5},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)


@pytest.mark.parametrize(("maps", "pixels"), [(2, 64), (2, 48), (3, 32)])
def test_reconstruction_of_small_clips_is_the_references(maps: int, pixels: int) -> None:
    check([1, 2], maps=maps, pixels=pixels, reconstruction_weight=0.1)


@pytest.mark.slow
def test_reconstruction_at_the_size_of_the_release_is_the_references() -> None:
    agreement.check(
        "molo",
        channels=16,
        num_frames=2,
        shots=[1, 1],
        query=1,
        values={"hidden_dim": 24},
        maps=7,
        pixels=224,
    )


def test_classes_outside_training_have_no_class_loss() -> None:
    check([2, 1], known=False)
