"""CLIP-CPM2C against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


def check(shots: list[int], *, known_classes: bool = True, **values: Any) -> None:
    agreement.check(
        "clip_cpm2c",
        channels=16,
        num_frames=4,
        shots=shots,
        values={"hidden_dim": 24} | values,
        known_classes=known_classes,
    )


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int]) -> None:
    check(shots)


@pytest.mark.parametrize(
    "values",
    [
        {"heads": 4},
        {"otam_lambda": 0.1},
        {"prompt_weight": 0.7},
        {"motion_weight": 0.0},
        {"motion_weight": 0.5},
        {"text_weight": 2.0, "consistency_weight": 0.1},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)


def test_classes_outside_training_have_no_text_loss() -> None:
    check([2, 1], known_classes=False)
