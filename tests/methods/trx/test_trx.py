"""TRX against its equations in NumPy, and what they imply."""

import numpy as np
import pytest
import torch

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures
from spm.methods.trx.method import Trx
from tests.methods import tuples


def build(**values: object) -> Trx:
    sizes = {"channels": 16, "num_frames": 4, "dim": 12}
    head = spm.methods.build("trx", **sizes | values).double().eval()
    assert isinstance(head, Trx)
    return head


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [1, 3, 2]])
@pytest.mark.parametrize("cardinalities", [[2, 3], [2], [3, 1]])
def test_logits_are_the_equations(shots: list[int], cardinalities: list[int]) -> None:
    head, drawn = build(cardinalities=cardinalities), tuples.episode(shots=shots)
    weights = tuples.randomized(head)
    prefixes = {size: f"{number}." for number, size in enumerate(cardinalities)}
    expected = [
        tuples.trx_logits(tuples.of_classes(drawn), query, weights, prefixes)
        for query in drawn.query.numpy()
    ]
    found = head.classify(drawn).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 1, 3]])
def test_prepared_clips_and_stacked_episodes_give_the_same(shots: list[int]) -> None:
    head = build()
    tuples.randomized(head)
    drawn = [tuples.episode(shots=shots, seed=seed) for seed in range(4)]
    expected = torch.stack([head.classify(each) for each in drawn])
    batch = tuples.stacked(drawn)
    twice = EpisodeFeatures(
        *(each.unflatten(0, (2, 2)) for each in batch[:3]), None, batch.num_classes
    )
    for given, shape in ((batch, (4,)), (twice, (2, 2))):
        for asked in (given, tuples.prepared(head, given)):
            found = head.classify(asked).flatten(0, len(shape) - 1)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_supports_stand_in_any_order() -> None:
    head, drawn = build(), tuples.episode(shots=[2, 1, 3])
    order = torch.tensor([5, 0, 3, 1, 4, 2])
    mixed = drawn._replace(support=drawn.support[order], support_labels=drawn.support_labels[order])
    torch.testing.assert_close(head.classify(mixed), head.classify(drawn), rtol=0, atol=1e-12)


def test_it_sees_the_order_of_frames() -> None:
    head, drawn = build(), tuples.episode(shots=[1, 1])
    turned = drawn._replace(query=drawn.query.flip(-2))
    assert not torch.allclose(head.classify(turned), head.classify(drawn), atol=1e-3)


@pytest.mark.parametrize("size", [0.0, 1e4])
def test_float32_stays_finite_forward_and_backward(size: float) -> None:
    head, drawn = build().float(), tuples.episode(shots=[1, 2])
    support, query = ((size * each).float().requires_grad_() for each in (drawn[0], drawn[2]))
    logits = head.classify(drawn._replace(support=support, query=query))
    assert logits.isfinite().all()
    logits.sum().backward()
    for each in (support, query, *head.parameters()):
        assert each.grad is not None
        assert each.grad.isfinite().all()


@pytest.mark.parametrize(
    ("channels", "cardinalities", "published"),
    [
        (512, [2, 3], 5_912_064),
        (2048, [2, 3], 23_606_784),
        (512, [2], 2_366_208),
        (2048, [2], 9_444_096),
    ],
)
def test_it_has_the_releases_parameters_less_norm_v(
    channels: int, cardinalities: list[int], published: int
) -> None:
    with torch.device("meta"):
        head = spm.methods.build(
            "trx", channels=channels, num_frames=8, cardinalities=cardinalities
        )
    unused = 2 * 1152 * len(cardinalities)
    assert sum(each.numel() for each in head.parameters()) == published - unused


def test_a_release_fills_it() -> None:
    head, other = build(), build(seed=1)
    state = {other.released_name(name): value for name, value in other.state_dict().items()}
    assert state.keys() >= {"0.k_linear.weight", "1.v_linear.bias", "1.norm_k.weight"}
    unused = {
        f"{size}.norm_v.{name}": torch.ones(12) for size in "01" for name in ("weight", "bias")
    }
    spm.methods.load_released(head, state | unused)
    for name, value in other.state_dict().items():
        assert torch.equal(head.state_dict()[name], value), name


def test_a_size_twice_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"\[2, 2\] holds a size twice"):
        build(cardinalities=[2, 2])


def test_other_tuples_have_a_title_of_their_own() -> None:
    assert read_values("trx").full_title == "TRX"
    assert read_values("trx", cardinalities=[2]).full_title == "TRX (tuples of 2)"
