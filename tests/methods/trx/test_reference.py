"""TRX against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 2], [3, 3], [1, 3, 2]])
@pytest.mark.parametrize("cardinalities", [[2], [2, 3], [3, 2], [1, 4]])
def test_logits_and_losses_are_the_references(shots: list[int], cardinalities: list[int]) -> None:
    agreement.check(
        "trx",
        channels=16,
        num_frames=5,
        shots=shots,
        values={"cardinalities": cardinalities, "dim": 24},
    )


def test_they_are_at_the_values_that_the_method_begins_with() -> None:
    agreement.check("trx", channels=8, num_frames=8, shots=[1, 2], query=1)
