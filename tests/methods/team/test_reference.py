"""TEAM against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 2], [3, 3, 3, 3], [1, 3, 2]])
@pytest.mark.parametrize(("tokens", "heads"), [(6, 8), (3, 2)])
def test_logits_and_losses_are_the_references(shots: list[int], tokens: int, heads: int) -> None:
    agreement.check(
        "team",
        channels=16,
        num_frames=5,
        shots=shots,
        values={"tokens": tokens, "heads": heads},
    )


def test_they_are_at_the_values_that_the_method_begins_with() -> None:
    agreement.check("team", channels=16, num_frames=8, shots=[1, 2, 1])
