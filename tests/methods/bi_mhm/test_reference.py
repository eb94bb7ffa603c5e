"""Bi-MHM against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("shots", [[1, 1], [2, 2], [1, 3, 2]])
def test_logits_and_losses_are_the_references(shots: list[int], reduction: str) -> None:
    values = {"frame_reduction": reduction}
    agreement.check("bi_mhm", channels=16, num_frames=5, shots=shots, values=values)
