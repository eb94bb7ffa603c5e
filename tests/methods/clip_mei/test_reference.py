"""CLIP-MEI against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


def check(shots: list[int], *, query: int = 2, **values: Any) -> None:
    agreement.check(
        "clip_mei",
        channels=16,
        num_frames=4,
        shots=shots,
        query=query,
        values={"dim": 32, "hidden_dim": 24} | values,
    )


@pytest.mark.parametrize("query", [1, 2])
@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int], query: int) -> None:
    check(shots, query=query)


@pytest.mark.parametrize(
    "values",
    [
        {"heads": 4},
        {"otam_lambda": 0.1},
        {"prompt_weight": 0.7},
        {"distance_weight": 2.0},
        {"consistency_weight": 0.1},
    ],
    ids=str,
)
def test_each_value_is_the_references(values: dict[str, Any]) -> None:
    check([1, 3, 2], **values)
