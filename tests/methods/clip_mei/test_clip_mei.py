"""CLIP-MEI: each step written out clip by clip, and what distinguishes it from CLIP-SPM."""

import pytest
import torch
from torch import Tensor

import spm.methods
from spm.base.errors import ConfigError
from spm.methods.base import EpisodeFeatures, Method, prepare
from spm.methods.registry import released_layout
from spm.nn.otam import sequence_distance
from tests.methods.drawn import build, episode

NAME = "clip_mei"
SHOTS = [2, 1, 3]
LABELS = torch.tensor([0, 1, 2, 2, 2, 0])


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def drawn() -> EpisodeFeatures:
    """With the supports out of order, so that a label and not a place names a class."""
    given = episode(NAME, shots=SHOTS)
    order = torch.tensor([3, 0, 5, 2, 1, 4])
    return given._replace(support=given.support[order], support_labels=given.support_labels[order])


def same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def modulated(head: Method, prompt: Tensor, frames: Tensor) -> Tensor:
    """E: [p', f'] [1 + T, C] of p [C] and f [T, C]."""
    return head.fusion.transformer(torch.cat([prompt[None], frames + 0.1 * prompt]))


def generated(head: Method, given: EpisodeFeatures, frames: Tensor) -> Tensor:
    """PG [C]: the mean text is the classes', though they have 2, 1 and 3 supports."""
    return head.generator.layers(given.class_text.mean(dim=0) * frames.mean())


def adapted(head: Method, given: EpisodeFeatures) -> tuple[Tensor, Tensor]:
    """S₁ [S, T, C] and Q₁ [Q, T, C]."""
    labels = given.support_labels
    support = [
        modulated(head, given.class_text[label], clip)[1:]
        for label, clip in zip(labels, given.support, strict=True)
    ]
    query = [modulated(head, generated(head, given, clip), clip)[1:] for clip in given.query]
    return torch.stack(support), torch.stack(query)


def means(clips: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([clips[labels == label].mean(dim=0) for label in range(len(SHOTS))])


def across_clips(head: Method, clips: Tensor) -> Tensor:
    """Tr₁ at each frame index over the clips [L, T, C]."""
    frames = [head.tfe.transformer(clips[:, frame]) for frame in range(clips.shape[1])]
    return torch.stack(frames, dim=1)


def logits(head: Method, given: EpisodeFeatures, *, lam: float, weight: float) -> Tensor:
    labels, classes = given.support_labels, len(SHOTS)
    support, query = adapted(head, given)
    before = sequence_distance(query, means(support, labels), lam=lam)

    tokens = torch.stack(
        [torch.cat([support[labels == n], query]).mean(dim=0) for n in range(classes)]
    )
    support_side = across_clips(head, torch.cat([tokens, support]))
    query_side = across_clips(head, torch.cat([tokens.mean(dim=0, keepdim=True), query]))
    prototypes = means(support_side[classes:], labels)
    after = sequence_distance(query_side[1:], prototypes, lam=lam)
    after = after + sequence_distance(query_side[:1], support_side[:classes], lam=lam)
    return -(weight * before + after)


@pytest.mark.parametrize(("lam", "weight"), [(0.5, 0.5), (0.2, 1.3)])
def test_logits_are_the_steps_written_out(lam: float, weight: float) -> None:
    head, given = build(NAME, otam_lambda=lam, distance_weight=weight), drawn()
    same(head.classify(given), logits(head, given, lam=lam, weight=weight))


def test_the_prompt_weight_weighs_the_prompt_in_the_frames() -> None:
    given = drawn()
    assert not torch.allclose(
        build(NAME, prompt_weight=0.2).classify(given), build(NAME).classify(given), atol=1e-3
    )


def square(x: Tensor) -> Tensor:
    return x.square().sum()


def test_the_semantic_losses_are_of_the_queries_and_average_squares() -> None:
    head, given = build(NAME), drawn()
    consistency, text = [], []
    for label, clip in zip(LABELS, given.query, strict=True):
        true, prompt = given.class_text[label], generated(head, given, clip)
        of_true, of_prompt = modulated(head, true, clip), modulated(head, prompt, clip)
        consistency.append(square(of_true - of_prompt))
        text.append(0.5 * (square(true - prompt) + square(of_true[0] - of_prompt[0])))
    found = head.losses(given, LABELS).terms
    same(found["L_consistency"], torch.stack(consistency).mean())
    same(found["L_prompt"], torch.stack(text).mean())


def motion(head: Method, frames: Tensor) -> Tensor:
    """The time mean of motion(F) [C]."""
    convolved = head.mic.mfe.conv2(head.mic.mfe.conv1(frames.T[None]))[0].T
    steps = [
        0.5 * ((convolved[t + 1] - frames[t]) + (convolved[t] - frames[t + 1]))
        for t in range(len(frames) - 1)
    ]
    return torch.stack(steps).mean(dim=0)


def test_l_motion_compares_the_motion_before_and_after() -> None:
    head, given = build(NAME), drawn()
    expected = torch.zeros((), dtype=torch.float64)
    for side in (given.support, given.query):
        each = []
        for clip in side:
            shallow, *frames = modulated(head, motion(head, clip), clip)
            each.append(square(motion(head, torch.stack(frames)) - shallow))
        expected = expected + torch.stack(each).mean()
    same(head.losses(given, LABELS).terms["L_motion"], expected)


def test_the_learned_scalar_weighs_l_motion_alone() -> None:
    head, given = build(NAME, consistency_weight=0.01), drawn()
    head.motion_weight.fill_(-0.5)
    found = head.losses(given, LABELS)
    terms = found.terms
    expected = 0.01 * (terms["L_consistency"] + terms["L_prompt"] - 0.5 * terms["L_motion"])
    assert found.regularizers.shape == ()
    same(found.regularizers, expected)
    same(found.total, terms["L_CE"] + expected)


def test_a_prepared_support_is_complete_and_a_query_is_not() -> None:
    head, given = build(NAME), drawn()
    prepared = prepare(head, given.support, given.class_text[given.support_labels])
    same(prepared.support, adapted(head, given)[0])
    assert torch.equal(prepared.query, given.support)
    same(head.classify(given._replace(prepared=prepared)), head.classify(given))


def test_each_query_alone_is_compared_with_tokens_that_hold_no_other_query() -> None:
    head, given = build(NAME), drawn()
    expected = [
        logits(head, given._replace(query=one[None]), lam=0.5, weight=0.5) for one in given.query
    ]
    same(head.classify_each(given), torch.cat(expected))


def test_protocol_says_how_far_queries_see_each_other() -> None:
    assert "20/21" in build(NAME).protocol(queries=20, shot=1)


@pytest.mark.parametrize(("channels", "parameters"), [(512, 16_264_706), (1024, 35_668_994)])
def test_it_has_the_size_of_the_release_without_its_unused_scalar(
    channels: int, parameters: int
) -> None:
    with torch.device("meta"):
        head = spm.methods.build(NAME, channels=channels, num_frames=8)
    assert sum(each.numel() for each in head.parameters()) == parameters - 1


def test_it_is_filled_from_the_release() -> None:
    head = build(NAME)
    shapes = {"mo_alpha1": (1,), "scale": (1,)}
    for conv in ("motion_conv1", "motion_conv2"):
        shapes |= {f"{conv}.weight": (16, 16, 3), f"{conv}.bias": (16,)}
    for context in ("context1.layers.0", "context2.layers.0"):
        shapes |= {
            f"{context}.0.norm.weight": (16,),
            f"{context}.0.norm.bias": (16,),
            f"{context}.0.fn.to_q.weight": (24, 16),
            f"{context}.0.fn.to_k.weight": (24, 16),
            f"{context}.0.fn.to_v.weight": (24, 16),
            f"{context}.0.fn.to_out.0.weight": (16, 24),
            f"{context}.0.fn.to_out.0.bias": (16,),
        }
    for mlp in ("context1.layers.0.1.net", "context2.layers.0.1.net", "token_tr.mlp.net"):
        shapes |= {
            f"{mlp}.0.weight": (24, 16),
            f"{mlp}.0.bias": (24,),
            f"{mlp}.3.weight": (16, 24),
            f"{mlp}.3.bias": (16,),
        }
    state = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    spm.methods.load_released(head, state | {"backbone.conv1.weight": torch.ones(1)})
    layout, filled = released_layout(head), head.state_dict()
    assert layout.keys() == state.keys() - {"scale"}
    assert all(torch.equal(filled[ours], state[theirs]) for theirs, (ours, _) in layout.items())
    # Which Transformer is whose: QSA's is context2, TFE's is context1.
    assert layout["context2.layers.0.0.norm.weight"][0].startswith("fusion.")
    assert layout["context1.layers.0.0.norm.weight"][0].startswith("tfe.")


def test_heads_that_do_not_share_the_width_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"dim = 24 .* heads = 5 .*multiple of heads"):
        build(NAME, heads=5)
