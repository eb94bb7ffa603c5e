"""What HyRSM and HyRSM++ promise beside their equations, and their special cases."""

import math
from typing import Any

import pytest
import torch

import spm.methods
from spm.base.errors import ConfigError
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.hyrsm.method import HyRSM
from spm.methods.hyrsm.smoothness import Smoothness
from spm.methods.registry import released_layout
from tests import models

QUERY_LABELS = torch.tensor([0, 0, 1, 1])


def build(*, train_classes: int | None = 7, **values: Any) -> HyRSM:
    sizes = {"heads": 2} | values
    head = spm.methods.build(
        "hyrsm", channels=16, num_frames=4, train_classes=train_classes, **sizes
    )
    return head.double().eval()


def drawn_episode(shots: list[int]) -> EpisodeFeatures:
    given = models.features(shots=shots)
    return EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )


def test_both_heads_are_the_same_at_one_shot_and_differ_at_two() -> None:
    mean, separate = build(supports="mean"), build(supports="separate")
    for shots, same in ([1, 1, 1], True), ([2, 1, 2], False):
        drawn = drawn_episode(shots)
        logits = mean.classify(drawn), separate.classify(drawn)
        assert torch.allclose(*logits, rtol=0, atol=1e-12) == same


@pytest.mark.parametrize("supports", ["mean", "separate"])
def test_prepared_clips_give_the_same_logits(supports: str) -> None:
    head, drawn = build(supports=supports), drawn_episode([2, 1])
    support, query = (prepare(head, each, None) for each in (drawn.support, drawn.query))
    prepared = drawn._replace(prepared=support._replace(query=query.query))
    # What was prepared stands for the clips.
    prepared = prepared._replace(support=0 * drawn.support, query=0 * drawn.query)
    torch.testing.assert_close(head.classify(prepared), head.classify(drawn), rtol=0, atol=1e-12)


def test_no_query_sees_another_though_each_sees_the_supports() -> None:
    head, drawn = build(), drawn_episode([1, 1])
    before = head.classify(drawn)
    other = drawn._replace(query=torch.cat([drawn.query[:1], drawn.query[1:].flip(-2) * 2]))
    torch.testing.assert_close(head.classify(other)[0], before[0], rtol=0, atol=1e-12)
    # The support of the second class changes the version of the first.
    moved = drawn._replace(support=torch.stack([drawn.support[0], 2 * drawn.support[1]]))
    assert not torch.allclose(head.classify(moved)[:, 0], before[:, 0], atol=1e-6)


def test_positions_are_seen() -> None:
    head, drawn = build(), drawn_episode([1, 1])
    turned = drawn._replace(query=drawn.query.flip(-2))
    assert not torch.allclose(head.classify(turned), head.classify(drawn), atol=1e-4)
    without = build(position_weight=0.0)
    torch.testing.assert_close(without.classify(turned), without.classify(drawn))


def test_the_class_term_asks_for_the_training_class_of_every_frame() -> None:
    head, drawn = build(), drawn_episode([2, 1])
    with torch.no_grad():
        head.classifier.weight.zero_()
        head.classifier.bias.copy_(torch.arange(7.0))
    losses = head.losses(drawn, QUERY_LABELS, classes=torch.tensor([6, 3]))
    # 2 supports and 2 queries of class 6, and 1 and 2 of class 3.
    expected = head.classifier.bias.logsumexp(0) - (4 * 6 + 3 * 3) / 7
    torch.testing.assert_close(losses.terms["L_class"], expected)
    total = losses.terms["L_CE"] + 0.15 * expected
    torch.testing.assert_close(losses.total, total)
    assert losses.regularizers == 0


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ({"train_classes": None}, torch.tensor([6, 3])),
        ({"class_weight": 0.0}, torch.tensor([6, 3])),
        ({}, None),
    ],
)
def test_without_training_classes_the_class_term_is_zero(
    values: dict[str, Any], classes: torch.Tensor | None
) -> None:
    head = build(**values)
    assert (head.classifier is None) == bool(values)
    losses = head.losses(drawn_episode([1, 1]), QUERY_LABELS, classes=classes)
    assert losses.terms["L_class"] == losses.terms["L_smooth"] == 0
    assert torch.equal(losses.total, losses.terms["L_CE"])


def test_rough_clips_cost_what_the_equation_says() -> None:
    """Frames a, a, −a: r is 0 for the first two, and 2 with the last."""
    a = torch.tensor([3.0, 4.0], dtype=torch.float64)
    clip = torch.stack([a, 2 * a, -a])
    near = Smoothness(window=2, tau=5.0, far_weight=3.0)
    assert near(clip) == pytest.approx(2 * (2 / 2 + 2 / 5) / 9)
    far = Smoothness(window=0, tau=5.0, far_weight=3.0)
    # 1 − exp(−1/5) is the margin of neighbours; the pairs with the last frame are far enough.
    assert far(clip) == pytest.approx(2 * 3.0 * (1 - math.exp(-1 / 5)) / 9)


def test_smoothness_enters_the_loss_and_no_logits() -> None:
    rough, smooth = build(), build(smoothness_weight=0.3)
    drawn = drawn_episode([2, 1])
    losses = smooth.losses(drawn, QUERY_LABELS)
    assert torch.equal(losses.logits, rough.classify(drawn))
    fused = smooth.fused(drawn)
    assert fused.support.shape == (4, 2, 4, 16)
    each = [smooth.smoothness(clips.flatten(end_dim=-3)).mean() for clips in fused]
    torch.testing.assert_close(losses.terms["L_smooth"], sum(each))
    torch.testing.assert_close(losses.total, losses.terms["L_CE"] + 0.3 * sum(each))


def test_gradients_reach_every_parameter() -> None:
    head = build(smoothness_weight=0.3).train()
    losses = head.losses(drawn_episode([2, 1]), QUERY_LABELS, classes=torch.tensor([6, 3]))
    losses.total.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().max() > 1e-8, name


@pytest.mark.parametrize("size", [0.0, 1e4])
def test_losses_of_zero_and_of_large_features_are_finite(size: float) -> None:
    drawn = drawn_episode([1, 2])
    large = drawn._replace(query=(size * drawn.query).float(), support=size * drawn.support.float())
    head = build(smoothness_weight=0.3).float()
    assert torch.isfinite(head.losses(large, QUERY_LABELS, classes=torch.tensor([6, 3])).total)


@pytest.mark.parametrize("supports", ["mean", "separate"])
def test_the_explanation_adds_up_to_the_logits(supports: str) -> None:
    """At one shot; it has a place for each class at any."""
    head, drawn = build(supports=supports), drawn_episode([1, 1])
    found = head.explain(drawn)
    total = (found.distance * found.weights).sum(dim=(-2, -1))
    torch.testing.assert_close(-total, head.classify(drawn))
    assert head.explain(drawn_episode([2, 1])).weights.shape == (4, 2, 4, 4)


def test_the_release_has_these_tensors() -> None:
    layout = {name: list(shape) for name, (_, shape) in released_layout(build()).items()}
    assert layout == {
        "temporal_atte_before.norm.weight": [16],
        "temporal_atte_before.norm.bias": [16],
        "temporal_atte_before.fn.to_qkv.weight": [48, 16],
        "temporal_atte_before.fn.to_out.0.weight": [16, 16],
        "temporal_atte_before.fn.to_out.0.bias": [16],
        "temporal_atte.w_qs.weight": [16, 16],
        "temporal_atte.w_ks.weight": [16, 16],
        "temporal_atte.w_vs.weight": [16, 16],
        "temporal_atte.layer_norm.weight": [16],
        "temporal_atte.layer_norm.bias": [16],
        "temporal_atte.fc.weight": [16, 16],
        "temporal_atte.fc.bias": [16],
        "layer2.0.weight": [16, 32, 1],
        "layer2.0.bias": [16],
        "classification_layer.weight": [7, 16],
        "classification_layer.bias": [7],
    }


def test_a_release_fills_a_head_without_its_training_classes() -> None:
    whole, head = build(seed=1), build(train_classes=None)
    state = {whole.released_name(name): value for name, value in whole.state_dict().items()}
    spm.methods.load_released(head, state)
    drawn = drawn_episode([1, 1])
    assert torch.equal(head.classify(drawn), whole.classify(drawn))


def test_heads_that_do_not_divide_the_channels_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"model.heads = 3: .* 16 channels"):
        build(heads=3)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({}, "HyRSM"),
        ({"smoothness_weight": 0.1}, "HyRSM++"),
        ({"supports": "separate"}, "HyRSM (separate supports)"),
        ({"supports": "separate", "frame_reduction": "mean"}, "HyRSM (separate supports, mean)"),
    ],
)
def test_a_variant_has_a_title_of_its_own(values: dict[str, Any], title: str) -> None:
    assert read_values("hyrsm", **values).full_title == title
