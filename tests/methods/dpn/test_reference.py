"""DPN against its NumPy reference."""

from typing import Any

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 2], [3, 3]])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"similarity_axis": "tuples"},
        {"cardinalities": [2], "scale": 10.0},
        {"cardinalities": [3, 2], "similarity_axis": "tuples", "scale": 1.0},
    ],
)
def test_logits_and_losses_are_the_references(shots: list[int], values: dict[str, Any]) -> None:
    agreement.check("dpn", channels=8, num_frames=5, shots=shots, values=values)
