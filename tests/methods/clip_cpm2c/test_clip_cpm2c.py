"""CLIP-CPM2C: its two streams, its losses, and that no label reaches a logit."""

from typing import Any

import pytest
import torch
from torch import Tensor

import spm.methods
from spm.base.errors import ConfigError
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.clip_cpm2c.method import ClipCPM2C
from spm.nn.otam import sequence_distance
from tests import models
from tests.methods.small import small

CHANNELS, FRAMES, TRAIN_CLASSES = 16, 4, 7


def build(**values: Any) -> ClipCPM2C:
    head = spm.methods.build(
        "clip_cpm2c", channels=CHANNELS, num_frames=FRAMES, **small("clip_cpm2c") | values
    )
    return head.double().eval()


def episode(*, shots: list[int], seed: int = 0) -> tuple[EpisodeFeatures, Tensor]:
    drawn = models.features(shots=shots, seed=seed)
    features = EpisodeFeatures(
        drawn.support, drawn.support_labels, drawn.query, drawn.class_text, len(shots)
    )
    return features, drawn.query_labels


def training_classes(classes: int) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(5)
    all_text = torch.randn(TRAIN_CLASSES, CHANNELS, dtype=torch.float64, generator=rng)
    return {"classes": torch.arange(classes) + 2, "all_text": all_text}


def test_logits_are_the_equations_clip_by_clip() -> None:
    head, (drawn, _) = build(prompt_weight=0.3, motion_weight=0.7), episode(shots=[1, 2])
    transformer, conv1, conv2 = head.fusion.transformer, head.mfe.conv1, head.mfe.conv2

    def prompted(prompt: Tensor, stream: Tensor) -> Tensor:
        return transformer(torch.cat([prompt[None], stream + 0.3 * prompt]))[1:]

    def motion(f: Tensor) -> Tensor:
        g = conv2(conv1(f.T)).T
        steps = [(g[t + 1] - f[t] + g[t] - f[t + 1]) / 2 for t in range(FRAMES - 1)]
        return torch.stack(steps)

    expected = torch.zeros(len(drawn.query), 2, dtype=torch.float64)
    tokens = (head.frames_token[0, 0], head.motion_token[0, 0])
    for weight, token, stream in zip((1.0, 0.7), tokens, (lambda f: f, motion), strict=True):
        for n, text in enumerate(drawn.class_text):
            of_class = drawn.support[drawn.support_labels == n]
            prototype = torch.stack([prompted(text, stream(f)) for f in of_class]).mean(dim=0)
            for q, f in enumerate(drawn.query):
                query = prompted(token, stream(f))
                expected[q, n] -= (
                    weight * sequence_distance(query[None], prototype[None], lam=0.5)[0, 0]
                )
    torch.testing.assert_close(head.classify(drawn), expected, rtol=0, atol=1e-12)


def test_no_label_of_a_query_reaches_a_logit() -> None:
    """The authors' code adds the text of a query's class to the query that it classifies."""
    head, (drawn, labels) = build(), episode(shots=[1, 1, 1])
    logits = head.classify(drawn)
    for order in (labels, labels.flip(0), torch.zeros_like(labels)):
        assert torch.equal(head.losses(drawn, order).logits, logits)


def test_noise_is_classified_by_chance() -> None:
    """And not at the 54 % of the leak: texts as large as the features, untrained weights."""
    head, correct = build(), []
    for seed in range(40):
        drawn, labels = episode(shots=[1] * 5, seed=seed)
        correct.append((head.losses(drawn, labels).logits.argmax(dim=-1) == labels).double())
    assert 0.12 < torch.stack(correct).mean() < 0.28


def test_tokens_that_equal_the_text_are_consistent() -> None:
    head, (drawn, labels) = build(), episode(shots=[2])
    assert head.losses(drawn, labels).terms["L_consistency"] > 1
    for token in (head.frames_token, head.motion_token):
        token.data.copy_(drawn.class_text[None])
    assert head.losses(drawn, labels).terms["L_consistency"] == 0


def test_consistency_is_a_mean_over_supports_and_one_over_queries_of_both_streams() -> None:
    head, (drawn, labels) = build(), episode(shots=[1, 2])

    def apart(clip: Tensor, label: Tensor) -> Tensor:
        text = drawn.class_text[label][None]
        motion = head.mfe.steps(clip[None])[0] / 2
        streams = ((clip, head.frames_token[0]), (motion, head.motion_token[0]))
        return sum(
            (torch.cat(head.fusion(text, f)) - torch.cat(head.fusion(token, f))).square().sum()
            for f, token in streams
        )

    sides = ((drawn.support, drawn.support_labels), (drawn.query, labels))
    expected = sum(torch.stack([*map(apart, *side)]).mean() for side in sides)
    torch.testing.assert_close(head.losses(drawn, labels).terms["L_consistency"], expected)


def test_sums_over_clips_are_the_authors_loss() -> None:
    """0.5 Σ CE(u) over supports and queries + Σ CE over queries, as `train.loss: sum` makes it."""
    head, (drawn, labels) = build(), episode(shots=[1, 2])
    head.scale.data.fill_(1.7)
    known = training_classes(2)
    losses = head.losses(drawn, labels, **known)
    clips = torch.cat([drawn.support, drawn.query]).mean(dim=1)
    norms = clips.norm(dim=1)[:, None] * known["all_text"].norm(dim=1)
    u = 1.7 * clips @ known["all_text"].T / (norms + 0.01)
    ids = known["classes"][torch.cat([drawn.support_labels, labels])]
    by_text = torch.nn.functional.cross_entropy(u, ids, reduction="sum")
    by_logits = torch.nn.functional.cross_entropy(losses.logits, labels, reduction="sum")
    torch.testing.assert_close(
        (losses.total - losses.regularizers) * len(labels), by_logits + 0.5 * by_text
    )
    torch.testing.assert_close(losses.regularizers, 0.001 * losses.terms["L_consistency"])
    assert head.losses(drawn, labels).terms["L_text"] == 0


def test_the_weight_of_motion_is_that_of_its_distance() -> None:
    drawn, _ = episode(shots=[1, 1])
    none, one, two = (build(motion_weight=weight).classify(drawn) for weight in (0.0, 1.0, 2.0))
    assert not torch.allclose(none, one)
    torch.testing.assert_close(two - one, one - none)


@pytest.mark.parametrize("shots", [[1, 1], [3, 1, 2]])
def test_what_was_prepared_gives_the_same_logits(shots: list[int]) -> None:
    head, (drawn, _) = build(), episode(shots=shots)
    with pytest.raises(ValueError, match="takes class texts"):
        prepare(head, drawn.support, None)
    of_support = prepare(head, drawn.support, drawn.class_text[drawn.support_labels])
    of_query = prepare(head, drawn.query, torch.zeros(len(drawn.query), CHANNELS).double())
    prepared = drawn._replace(prepared=of_support._replace(query=of_query.query))
    torch.testing.assert_close(head.classify(prepared), head.classify(drawn), rtol=0, atol=1e-12)


def test_the_explanation_is_of_frames() -> None:
    head, (drawn, _) = build(motion_weight=0.0), episode(shots=[2, 1])
    found = head.explain(drawn)
    assert found.distance.shape == found.weights.shape == (4, 2, FRAMES, FRAMES)
    assert (found.weights.sum(dim=(-1, -2)) >= FRAMES).all()


def test_an_episode_without_texts_is_an_error() -> None:
    head, (drawn, _) = build(), episode(shots=[1, 1])
    with pytest.raises(ValueError, match="CLIP-CPM2C takes class texts"):
        head.classify(drawn._replace(class_text=None))


def test_heads_share_the_channels() -> None:
    with pytest.raises(ConfigError, match=r"model.heads = 3: .* 16 channels"):
        build(heads=3)


def _released(channels: int, hidden: int) -> dict[str, tuple[int, ...]]:
    c, layer = channels, "context2.layers.0"
    return {
        "scale": (1,),
        "class_token": (1, 1, c),
        "class_token_motion": (1, 1, c),
        **{f"motion_conv{number}.weight": (c, c, 3) for number in (1, 2)},
        **{f"motion_conv{number}.bias": (c,) for number in (1, 2)},
        f"{layer}.0.norm.weight": (c,),
        f"{layer}.0.norm.bias": (c,),
        **{f"{layer}.0.fn.to_{part}.weight": (c, c) for part in "qkv"},
        f"{layer}.0.fn.to_out.0.weight": (c, c),
        f"{layer}.0.fn.to_out.0.bias": (c,),
        f"{layer}.1.net.0.weight": (hidden, c),
        f"{layer}.1.net.0.bias": (hidden,),
        f"{layer}.1.net.3.weight": (c, hidden),
        f"{layer}.1.net.3.bias": (c,),
    }


def test_it_is_filled_from_the_release() -> None:
    head, layout = build().float(), _released(CHANNELS, 24)
    state = {f"module.{name}": torch.randn(shape) for name, shape in layout.items()}
    state["module.backbone.class_embedding"] = torch.zeros(3)
    spm.methods.load_released(head, state)
    assert {head.released_name(name) for name in head.state_dict()} == set(layout)
    for name, value in head.state_dict().items():
        assert torch.equal(value, state[f"module.{head.released_name(name)}"]), name


@pytest.mark.parametrize(("channels", "parameters"), [(512, 4_724_737), (1024, 14_690_305)])
def test_it_has_as_many_parameters_as_the_release(channels: int, parameters: int) -> None:
    with torch.device("meta"):
        head = spm.methods.build("clip_cpm2c", channels=channels, num_frames=8)
    assert sum(each.numel() for each in head.parameters()) == parameters
