"""STRM against its equations in NumPy, and what they imply."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import read_values
from spm.methods.strm.method import Strm
from tests import models
from tests.methods import tuples
from tests.methods.tuples import linear, positioned, softmax


def build(**values: object) -> Strm:
    sizes = {"channels": 16, "num_frames": 4, "map_size": 4, "dim": 12, "patches": 2}
    head = spm.methods.build("strm", **sizes | values).double().eval()
    assert isinstance(head, Strm)
    return head


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def frames_of(maps: np.ndarray, w: tuples.Weights) -> np.ndarray:
    """(a) to (d): maps [T, C, 4, 4], a grid of 2 x 2 patches -> h [T, C]."""
    found = []
    name = "main.attn_pat"
    for of_frame in maps:
        patches = [
            of_frame[:, row : row + 2, column : column + 2].max(axis=(1, 2))
            for row in (0, 2)
            for column in (0, 2)
        ]
        z = positioned(np.array(patches))
        query, key = (linear(z, w, f"{name}.{which}_proj") for which in ("query", "key"))
        attended = softmax(query @ key.T) @ linear(z, w, f"{name}.value_conv")
        z = z + w[f"{name}.gamma"] * attended
        hidden = relu(linear(z, w, f"{name}.Bot_MLP.inp_fc"))
        hidden = relu(linear(hidden, w, f"{name}.Bot_MLP.hid_fc"))
        found.append((z + linear(hidden, w, f"{name}.Bot_MLP.out_fc")).mean(axis=0))
    return np.array(found)


def enriched(h: np.ndarray, w: tuples.Weights) -> np.ndarray:
    """(f)"""
    h = positioned(h)
    name = "main.fr_enrich"
    hidden = relu(linear(h.T, w, f"{name}.Tok_MLP.inp_fc"))
    h = h + linear(hidden, w, f"{name}.Tok_MLP.out_fc").T
    hidden = relu(linear(h, w, f"{name}.Bot_MLP.inp_fc"))
    return h + linear(hidden, w, f"{name}.Bot_MLP.out_fc")


def patch_logits(
    classes: list[list[np.ndarray]], query: np.ndarray, w: tuples.Weights
) -> list[float]:
    """(e), of h."""

    def pairs(h: np.ndarray) -> np.ndarray:
        return relu(linear(tuples.tuples(h, 2), w, "dist.0.clsW"))

    found = []
    for supports in classes:
        theirs = np.concatenate([pairs(each) for each in supports])
        nearest = [np.linalg.norm(each - theirs, axis=1).min() for each in pairs(query)]
        found.append(-float(np.mean(nearest)))
    return found


@pytest.mark.parametrize("shots", [[1, 1], [1, 3, 2]])
@pytest.mark.parametrize("cardinalities", [[2], [2, 3]])
@pytest.mark.parametrize("weight", [0.1, 0.7])
def test_logits_and_losses_are_the_equations(
    shots: list[int], cardinalities: list[int], weight: float
) -> None:
    head = build(cardinalities=cardinalities, patch_weight=weight)
    drawn, w = tuples.episode(shots=shots, maps=4), tuples.randomized(head)
    classes = [[frames_of(each, w) for each in mine] for mine in tuples.of_classes(drawn)]
    deeper = [[enriched(each, w) for each in mine] for mine in classes]
    prefixes = {size: f"main.transformers.{place}." for place, size in enumerate(cardinalities)}
    queries = [frames_of(each, w) for each in drawn.query.numpy()]
    frame, patch = (
        torch.tensor(each, dtype=torch.float64)
        for each in (
            [tuples.trx_logits(deeper, enriched(each, w), w, prefixes) for each in queries],
            [patch_logits(classes, each, w) for each in queries],
        )
    )

    expected = frame + weight * patch
    found = head.classify(drawn)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-11, atol=1e-9)

    labels = torch.arange(len(shots)).repeat_interleave(2)
    losses = head.losses(drawn, labels)
    terms = [F.cross_entropy(each, labels).item() for each in (expected, frame, patch)]
    found_terms = [losses.terms[name].item() for name in head.terms]
    np.testing.assert_allclose(found_terms, terms, rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(losses.total.item(), terms[1] + weight * terms[2], rtol=1e-10)
    assert losses.regularizers.item() == 0
    torch.testing.assert_close(losses.logits, found)


@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 1, 3]])
def test_prepared_clips_and_stacked_episodes_give_the_same(shots: list[int]) -> None:
    head = build()
    drawn = [tuples.episode(shots=shots, maps=4, seed=seed) for seed in range(3)]
    expected = torch.stack([head.classify(each) for each in drawn])
    batch = tuples.stacked(drawn)
    for asked in (batch, tuples.prepared(head, batch)):
        torch.testing.assert_close(head.classify(asked), expected, rtol=0, atol=1e-10)
    labels = torch.arange(3).repeat_interleave(2)
    each = torch.stack([head.losses(one, labels).total for one in drawn])
    found = head.losses(batch, labels.expand(3, -1)).total
    torch.testing.assert_close(found, each, rtol=0, atol=1e-10)


@pytest.mark.parametrize("size", [0.0, 1e4])
def test_float32_stays_finite_forward_and_backward(size: float) -> None:
    head, drawn = build().float(), tuples.episode(shots=[1, 2], maps=4)
    support, query = ((size * each).float().requires_grad_() for each in (drawn[0], drawn[2]))
    losses = head.losses(drawn._replace(support=support, query=query), torch.tensor([0, 0, 1, 1]))
    assert losses.logits.isfinite().all()
    losses.total.backward()
    for each in (support, query, *head.parameters()):
        assert each.grad is not None
        assert each.grad.isfinite().all()


def test_the_released_patch_head_stays_as_it_was_drawn() -> None:
    frozen, trained = build(patch_head="frozen"), build()
    kept = {name for name, each in frozen.named_parameters() if not each.requires_grad}
    assert kept == {"patch_head.layer.weight", "patch_head.layer.bias"}
    assert all(each.requires_grad for each in trained.parameters())
    drawn = tuples.episode(shots=[1, 1], maps=4)
    torch.testing.assert_close(frozen.classify(drawn), trained.classify(drawn))
    assert read_values("strm", patch_head="frozen").full_title == "STRM (frozen patch head)"


@pytest.mark.parametrize(
    ("channels", "published", "patch_head"),
    [(512, 4_008_337, 262_400), (2048, 35_672_977, 4_195_328)],
)
def test_it_has_the_releases_parameters_less_norm_v(
    channels: int, published: int, patch_head: int
) -> None:
    with torch.device("meta"):
        head = spm.methods.build("strm", channels=channels, num_frames=8, map_size=7)
    count = sum(each.numel() for each in head.parameters())
    assert count == published + patch_head - 2 * 1152


def test_a_release_fills_it() -> None:
    head, other = build(), build(seed=1)
    state = {other.released_name(name): value for name, value in other.state_dict().items()}
    names = "attn_pat.gamma fr_enrich.Tok_MLP.out_fc.bias transformers.0.norm_k.weight"
    assert state.keys() >= {f"main.{name}" for name in names.split()}
    spm.methods.load_released(head, state | {"main.transformers.0.norm_v.weight": torch.ones(12)})
    for name, value in other.state_dict().items():
        assert torch.equal(head.state_dict()[name], value), name


def test_a_map_has_as_many_places_as_the_grid_of_patches_or_more() -> None:
    build(patches=4, map_size=4)
    build(patches=4, map_size=None)
    said = r"model\.patches = 5: .* 4 x 4 places.* Set model\.patches to 4 or less"
    with pytest.raises(ConfigError, match=said):
        build(patches=5, map_size=4)
    with pytest.raises(ConfigError, match=r"model\.patches = 4: .* 2 x 2 places"):
        models.build(method="strm")
