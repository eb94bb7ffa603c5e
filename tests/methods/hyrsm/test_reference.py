"""HyRSM against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


def check(shots: list[int], *, known_classes: bool = True, **values: Any) -> None:
    agreement.check(
        "hyrsm",
        channels=16,
        num_frames=5,
        shots=shots,
        values=values,
        known_classes=known_classes,
    )


@pytest.mark.parametrize("supports", ["mean", "separate"])
@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int], supports: str) -> None:
    check(shots, supports=supports)


@pytest.mark.parametrize(
    "values",
    [
        {"frame_reduction": "mean"},
        {"heads": 4},
        {"position_scale": 2048.0, "position_weight": 0.01},
        {"class_weight": 0.6},
        {"smoothness_weight": 0.2},
        {"smoothness_weight": 0.1, "supports": "separate"},
        {"smoothness_weight": 0.3, "window": 3, "tau": 23.0, "far_weight": 10.0},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)


def test_classes_outside_training_have_no_class_loss() -> None:
    check([2, 1], known_classes=False)
