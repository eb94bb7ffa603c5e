"""ProtoNet against its NumPy reference."""

import pytest

from tests.methods import agreement


@pytest.mark.parametrize("variant", ["euclidean", "cosine"])
@pytest.mark.parametrize("shots", [[1, 1], [3, 1, 2]])
def test_logits_and_losses_are_the_references(variant: str, shots: list[int]) -> None:
    agreement.check("protonet", channels=16, num_frames=4, shots=shots, values={"variant": variant})
