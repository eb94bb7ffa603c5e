"""Zero-shot class text against its NumPy reference."""

from tests.methods import agreement


def test_logits_and_losses_are_the_references() -> None:
    agreement.check("zero_shot", channels=16, num_frames=4, shots=[1, 2])
