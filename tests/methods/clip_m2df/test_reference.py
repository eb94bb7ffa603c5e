"""CLIP-M2DF against its NumPy reference, with the likeliest class as each query's."""

from itertools import product
from typing import Any

import pytest

from tests.methods import agreement


def check(shots: list[int], *, known_classes: bool = True, **values: Any) -> None:
    agreement.check(
        "clip_m2df",
        channels=16,
        num_frames=6,
        shots=shots,
        query=3,
        values={"hidden_dim": 24, "prompts": "argmax"} | values,
        known_classes=known_classes,
    )


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int]) -> None:
    check(shots)


@pytest.mark.parametrize("distillation", ["bid", "up2down", "down2up"])
@pytest.mark.parametrize("flags", product([True, False], repeat=2), ids=str)
def test_each_distillation_is_the_references(flags: tuple[bool, bool], distillation: str) -> None:
    text, distance = flags
    check([2, 1, 1], compare_text=text, compare_distance=distance, distillation=distillation)


@pytest.mark.parametrize(
    "values",
    [
        {"heads": 4},
        {"otam_lambda": 0.1},
        {"selected_frames": 2},
        {"text_weight": 0.5, "distillation_weight": 3.0},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)


def test_classes_outside_training_have_no_text_loss() -> None:
    check([2, 1], known_classes=False)
