"""CMN's embedding against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 2], [3, 3], [1, 3, 2]])
@pytest.mark.parametrize("tokens", [8, 3])
def test_logits_and_losses_are_the_references(shots: list[int], tokens: int) -> None:
    agreement.check(
        "cmn_embedding", channels=16, num_frames=5, shots=shots, values={"tokens": tokens}
    )
