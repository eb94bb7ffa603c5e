"""CLIP-FSAR: each step written out clip by clip, and what its switches change."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures, Method, prepare
from spm.methods.registry import released_layout
from spm.nn.otam import sequence_distance
from tests.methods.drawn import CHANNELS, TRAIN_CLASSES, build, episode, losses

NAME = "clip_fsar"
SHOTS = [2, 1, 3]
LABELS = torch.tensor([0, 1, 2, 2, 1, 0])


def drawn(*, shots: list[int] = SHOTS) -> EpisodeFeatures:
    """With the supports out of order, so that a label and not a place names a class."""
    given = episode(NAME, shots=shots)
    order = torch.randperm(sum(shots), generator=torch.Generator().manual_seed(1))
    return given._replace(support=given.support[order], support_labels=given.support_labels[order])


def prototype(head: Method, given: EpisodeFeatures, label: int, *, supports: str) -> Tensor:
    """P_n [T, C]"""
    text = given.class_text[label][None]
    clips = [
        clip for clip, of in zip(given.support, given.support_labels, strict=True) if of == label
    ]
    if supports == "mean":
        clips = [torch.stack(clips).mean(dim=0)]
    return torch.stack([head.transformer(torch.cat([clip, text]))[:-1] for clip in clips]).mean(
        dim=0
    )


@pytest.mark.parametrize("supports", ["separate", "mean"])
@pytest.mark.parametrize("depth", [1, 2])
def test_logits_are_the_steps_written_out(supports: str, depth: int) -> None:
    head, given = build(NAME, supports=supports, depth=depth, otam_lambda=0.3), drawn()
    prototypes = torch.stack(
        [prototype(head, given, label, supports=supports) for label in range(len(SHOTS))]
    )
    query = torch.stack([head.transformer(clip) for clip in given.query])
    expected = -sequence_distance(query, prototypes, lam=0.3)
    torch.testing.assert_close(head.classify(given), expected, rtol=0, atol=1e-10)


def test_the_place_of_the_mean_matters_from_two_shots_on() -> None:
    separate, mean = (build(NAME, supports=supports) for supports in ("separate", "mean"))
    one_shot, more = drawn(shots=[1, 1, 1]), drawn()
    torch.testing.assert_close(
        separate.classify(one_shot), mean.classify(one_shot), rtol=0, atol=1e-10
    )
    assert not torch.allclose(separate.classify(more), mean.classify(more), atol=1e-3)


def test_texts_modulate_supports_and_no_query() -> None:
    head, given = build(NAME), drawn()
    other = given._replace(class_text=given.class_text.flip(0))
    (query, prototypes), (same_query, others) = head.modulate(given), head.modulate(other)
    assert torch.equal(query, same_query)
    assert not torch.allclose(prototypes[0], others[0], atol=1e-3)


def by_text(given: EpisodeFeatures, *, scale: float) -> np.ndarray:
    """p_t [Q, N], softmax of the scaled cosines"""
    query, text = given.query.mean(dim=1).numpy(), given.class_text.numpy()
    norms = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(text, axis=1)
    return softmax(scale * (query @ text.T) / norms)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def scaled(scale: float, **values: Any) -> Method:
    head = build(NAME, **values)
    head.scale.data.fill_(scale)
    return head


def test_the_score_of_the_texts_alone() -> None:
    given = drawn()
    found = scaled(3.0, test_text="only").classify(given)
    np.testing.assert_allclose(found.exp().detach(), by_text(given, scale=3.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_the_score_of_texts_and_frames_is_a_weighted_product(beta: float) -> None:
    given = drawn()
    head = scaled(3.0, test_text="product", text_coefficient=beta)
    by_frames = softmax((8 - head.distances(given).detach().numpy()) / 8)
    expected = by_text(given, scale=3.0) ** beta * by_frames ** (1 - beta)
    np.testing.assert_allclose(head.classify(given).exp().detach(), expected, rtol=0, atol=1e-12)


def test_training_compares_frames_whatever_classifies_at_test() -> None:
    given = drawn()
    plain = losses(NAME, build(NAME), given, LABELS)
    for test_text in ("product", "only"):
        found = losses(NAME, build(NAME, test_text=test_text), given, LABELS)
        assert torch.equal(found.logits, plain.logits)
        assert torch.equal(found.total, plain.total)
    assert torch.equal(plain.logits, build(NAME).classify(given))


def test_l_text_classifies_supports_and_queries_among_the_training_classes() -> None:
    given, head = drawn(), scaled(2.0, text_weight=1.5)
    rng = torch.Generator().manual_seed(4)
    texts = torch.randn(TRAIN_CLASSES, CHANNELS, dtype=torch.float64, generator=rng)
    classes = torch.tensor([6, 1, 4])
    with torch.no_grad():
        found = head.losses(given, LABELS, classes=classes, all_text=texts)

    each = []
    clips = torch.cat([given.support, given.query]).numpy()
    for clip, label in zip(clips, torch.cat([given.support_labels, LABELS]), strict=True):
        mean = clip.mean(axis=0)
        norms = np.linalg.norm(mean) * np.linalg.norm(texts.numpy(), axis=1)
        p = softmax(2.0 * (texts.numpy() @ mean) / (norms + 0.01))
        each.append(-np.log(p[classes[label]]))
    assert float(found.terms["L_text"]) == pytest.approx(np.mean(each), abs=1e-12)
    assert float(found.total) == pytest.approx(
        float(found.terms["L_CE"]) + 1.5 * np.mean(each), abs=1e-12
    )
    assert float(found.regularizers) == 0


def test_without_the_training_classes_there_is_no_l_text() -> None:
    found = build(NAME).losses(drawn(), LABELS)
    assert float(found.terms["L_text"]) == 0
    assert torch.equal(found.total, found.terms["L_CE"])


@pytest.mark.parametrize("test_text", ["none", "product", "only"])
@pytest.mark.parametrize("supports", ["separate", "mean"])
def test_what_was_prepared_gives_the_same_logits(supports: str, test_text: str) -> None:
    head, given = build(NAME, supports=supports, test_text=test_text, depth=2), drawn()
    of_support = prepare(head, given.support, given.class_text[given.support_labels])
    of_query = prepare(head, given.query, given.class_text[LABELS])
    prepared = of_support._replace(query=of_query.query)
    torch.testing.assert_close(
        head.classify(given._replace(prepared=prepared)), head.classify(given), rtol=0, atol=1e-10
    )


def test_a_prepared_clip_is_not_computed_again() -> None:
    head, given = build(NAME), drawn()
    prepared = prepare(head, given.support, given.class_text[given.support_labels])
    given = given._replace(query=given.support, prepared=prepared)
    head.transformer = None
    assert head.classify(given).isfinite().all()


def test_an_alignment_explains_logits_that_come_of_one() -> None:
    given = drawn()
    assert build(NAME).explain(given) is not None
    assert build(NAME, test_text="product").explain(given) is not None
    assert build(NAME, test_text="only").explain(given) is None


@pytest.mark.parametrize(("channels", "parameters"), [(512, 3_149_825), (1024, 8_394_753)])
def test_it_has_the_size_of_the_release(channels: int, parameters: int) -> None:
    with torch.device("meta"):
        head = spm.methods.build(NAME, channels=channels, num_frames=8)
    assert sum(each.numel() for each in head.parameters()) == parameters


def test_it_is_filled_from_a_release_with_two_layers() -> None:
    head = build(NAME, depth=2)
    shapes = {"scale": (1,)}
    for layer in ("context2.layers.0", "context2.layers.1"):
        shapes |= {
            f"{layer}.0.norm.weight": (16,),
            f"{layer}.0.norm.bias": (16,),
            f"{layer}.0.fn.to_q.weight": (16, 16),
            f"{layer}.0.fn.to_k.weight": (16, 16),
            f"{layer}.0.fn.to_v.weight": (16, 16),
            f"{layer}.0.fn.to_out.0.weight": (16, 16),
            f"{layer}.0.fn.to_out.0.bias": (16,),
            f"{layer}.1.net.0.weight": (24, 16),
            f"{layer}.1.net.0.bias": (24,),
            f"{layer}.1.net.3.weight": (16, 24),
            f"{layer}.1.net.3.bias": (16,),
        }
    state = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    spm.methods.load_released(head, state | {"backbone.conv1.weight": torch.ones(1)})
    layout = released_layout(head)
    assert layout.keys() == state.keys()
    filled = head.state_dict()
    assert all(torch.equal(filled[ours], state[theirs]) for theirs, (ours, _) in layout.items())


def test_heads_that_cannot_share_the_channels_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"model.heads = 8: .* 20 channels"):
        spm.methods.build(NAME, channels=20, num_frames=8)


def test_the_title_says_when_texts_classify() -> None:
    titles = [read_values(NAME, test_text=value).full_title for value in ("none", "product")]
    assert titles == ["CLIP-FSAR", "CLIP-FSAR (text: product)"]
