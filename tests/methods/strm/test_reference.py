"""STRM against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 2], [3, 3], [1, 3, 2]])
@pytest.mark.parametrize(
    ("maps", "values"),
    [
        (7, {}),
        (7, {"patch_head": "frozen", "patch_weight": 0.7}),
        (5, {"patches": 3, "cardinalities": [2, 3]}),
    ],
)
def test_logits_and_losses_are_the_references(
    shots: list[int], maps: int, values: dict[str, Any]
) -> None:
    agreement.check(
        "strm", channels=8, num_frames=4, shots=shots, maps=maps, values={"dim": 12} | values
    )
