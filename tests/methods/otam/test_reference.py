"""OTAM against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("lam", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("shots", [[1, 1], [3, 1, 2]])
def test_logits_and_losses_are_the_references(lam: float, shots: list[int]) -> None:
    agreement.check("otam", channels=16, num_frames=5, shots=shots, values={"otam_lambda": lam})
