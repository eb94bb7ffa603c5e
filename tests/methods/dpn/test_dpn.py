"""DPN against its equations in NumPy, and what they imply."""

import numpy as np
import pytest
import torch

import spm.methods
from spm.config.model import read_values
from spm.methods.dpn.method import Dpn
from tests.methods import tuples
from tests.methods.tuples import layer_norm, linear, positioned, softmax


def build(**values: object) -> Dpn:
    head = spm.methods.build("dpn", **{"channels": 16, "num_frames": 4} | values).double().eval()
    assert isinstance(head, Dpn)
    return head


def cosines(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
    return (x * y).sum(axis) / (np.linalg.norm(x, axis=axis) * np.linalg.norm(y, axis=axis))


def logit(
    supports: list[np.ndarray],
    query: np.ndarray,
    w: tuples.Weights,
    size: int,
    name: str,
    axis: int,
) -> float:
    """One query, one class, one cardinality."""
    raw = [tuples.tuples(positioned(each), size) for each in supports]
    keys = [layer_norm(linear(each, w, f"{name}.W_K"), w, f"{name}.norm_k") for each in raw]
    values = [layer_norm(linear(each, w, f"{name}.W_V"), w, f"{name}.norm_k") for each in raw]
    of_query = tuples.tuples(positioned(query), size)
    asked = layer_norm(linear(of_query, w, f"{name}.W_Q"), w, f"{name}.norm_k")
    y = linear(of_query, w, f"{name}.W_V")
    root = np.sqrt(y.shape[1])
    c, u = np.zeros_like(y), np.zeros_like(y)
    for number, (key, value) in enumerate(zip(keys, values, strict=True)):
        others = [each for other, each in enumerate(raw) if other != number] or raw
        scores = np.mean([other @ key.T / root for other in others], axis=0)
        c += softmax(scores) @ value
        u += softmax(asked @ key.T / root) @ value
    return 1000 * float(cosines(c, y, 1).mean() + cosines(u, y, axis).mean())


@pytest.mark.parametrize("shots", [[1, 1], [2, 2, 2], [3, 3]])
@pytest.mark.parametrize(("axis", "number"), [("channels", 1), ("tuples", 0)])
@pytest.mark.parametrize("cardinalities", [[2, 3], [3]])
def test_logits_are_the_equations(
    shots: list[int], axis: str, number: int, cardinalities: list[int]
) -> None:
    head = build(similarity_axis=axis, cardinalities=cardinalities)
    drawn, weights = tuples.episode(shots=shots), tuples.randomized(head)
    expected = [
        [
            np.mean(
                [
                    logit(supports, query, weights, size, str(place), number)
                    for place, size in enumerate(cardinalities)
                ]
            )
            for supports in tuples.of_classes(drawn)
        ]
        for query in drawn.query.numpy()
    ]
    found = head.classify(drawn).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_float32_keeps_its_digits_for_clips_that_stand_still_and_weights_of_differences() -> None:
    """There the rows that tuples are sums of are large, and the tuples are not."""
    head = build(channels=64, num_frames=8)
    with torch.no_grad():
        for each in head.sizes:
            first, second, *_ = each.value.weight.chunk(each.value.size, dim=1)
            second.copy_(-first)
    drawn = tuples.episode(shots=[2, 2], channels=64, frames=8)
    still = [1000 * each[:, :1].expand_as(each) for each in (drawn.support, drawn.query)]
    drawn = drawn._replace(support=still[0], query=still[1])
    expected = head.classify(drawn)
    low = drawn._replace(support=still[0].float(), query=still[1].float())
    found = head.float().classify(low)
    assert expected.abs().max() > 10
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.3)


@pytest.mark.parametrize("shot", [1, 2])
def test_prepared_clips_and_stacked_episodes_give_the_same(shot: int) -> None:
    head = build()
    drawn = [tuples.episode(shots=[shot] * 3, seed=seed) for seed in range(3)]
    expected = torch.stack([head.classify(each) for each in drawn])
    batch = tuples.stacked(drawn)
    for asked in (batch, tuples.prepared(head, batch)):
        torch.testing.assert_close(head.classify(asked), expected, rtol=0, atol=1e-10)


def test_supports_stand_in_any_order_and_classes_have_equally_many() -> None:
    head, drawn = build(), tuples.episode(shots=[2, 2])
    order = torch.tensor([3, 0, 2, 1])
    mixed = drawn._replace(support=drawn.support[order], support_labels=drawn.support_labels[order])
    torch.testing.assert_close(head.classify(mixed), head.classify(drawn), rtol=0, atol=1e-10)
    assert not head.unequal_shots
    with pytest.raises(ValueError, match=r"as many supports as the others.*\[1, 3\]"):
        head.classify(tuples.episode(shots=[1, 3]))


@pytest.mark.parametrize("axis", ["channels", "tuples"])
@pytest.mark.parametrize("size", [0.0, 1e4])
def test_float32_stays_finite_forward_and_backward(size: float, axis: str) -> None:
    head, drawn = build(similarity_axis=axis).float(), tuples.episode(shots=[2, 2])
    support, query = ((size * each).float().requires_grad_() for each in (drawn[0], drawn[2]))
    logits = head.classify(drawn._replace(support=support, query=query))
    assert logits.isfinite().all()
    logits.sum().backward()
    for each in (support, query, *head.parameters()):
        assert each.grad is not None
        assert each.grad.isfinite().all()


@pytest.mark.parametrize(("channels", "published"), [(512, 10_241_536), (2048, 163_649_536)])
def test_it_has_the_releases_parameters_less_norm_v(channels: int, published: int) -> None:
    with torch.device("meta"):
        head = spm.methods.build("dpn", channels=channels, num_frames=8)
    unused = 2 * (2 + 3) * channels
    assert sum(each.numel() for each in head.parameters()) == published - unused


def test_a_release_fills_it() -> None:
    head, other = build(), build(seed=1)
    state = {other.released_name(name): value for name, value in other.state_dict().items()}
    assert state.keys() >= {"0.W_Q.weight", "1.W_K.bias", "1.W_V.bias", "0.norm_k.weight"}
    spm.methods.load_released(head, state | {"0.norm_v.weight": torch.ones(32)})
    for name, value in other.state_dict().items():
        assert torch.equal(head.state_dict()[name], value), name


def test_variants_have_titles() -> None:
    assert read_values("dpn").full_title == "DPN"
    assert read_values("dpn", similarity_axis="tuples").full_title == "DPN (released similarity)"
