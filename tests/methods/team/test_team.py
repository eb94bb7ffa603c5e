"""What TEAM promises beside its equations, and their special cases."""

import pytest
import torch

import spm.methods
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.registry import released_layout
from spm.methods.team.method import Team
from tests import models

QUERY_LABELS = torch.tensor([0, 0, 1, 1])


def build(**values: float) -> Team:
    head = spm.methods.build("team", channels=16, num_frames=4, **{"tokens": 6} | values)
    return head.double().eval()


def drawn_episode(shots: list[int], *, query: int = 2, frames: int = 4) -> EpisodeFeatures:
    given = models.features(shots=shots, query=query, frames=frames)
    return EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )


def test_prepared_clips_give_the_same_logits() -> None:
    head, drawn = build(), drawn_episode([2, 1])
    support, query = (prepare(head, each, None) for each in (drawn.support, drawn.query))
    assert torch.equal(support.support, drawn.support)
    # What was prepared stands for the queries.
    prepared = drawn._replace(query=0 * drawn.query, prepared=support._replace(query=query.query))
    torch.testing.assert_close(head.classify(prepared), head.classify(drawn), rtol=0, atol=1e-12)


def test_a_clip_may_have_any_length() -> None:
    drawn = drawn_episode([1, 2])
    other = drawn._replace(query=drawn_episode([1, 2], frames=9).query)
    assert build().classify(other).shape == (4, 2)


def test_of_two_classes_one_is_what_the_other_is_not() -> None:
    """max over one other class: ND[q, n] is the distance of opposites with the other class."""
    head, drawn = build(), drawn_episode([1, 1])
    support, query = head.class_tokens(drawn), head.query_tokens(drawn)
    cosine = torch.nn.functional.cosine_similarity
    found = head.distances(drawn).negative
    for n, other in ((0, 1), (1, 0)):
        u = (1 - cosine(query.negative, support.positive[other], dim=-1)).sum(dim=-1)
        v = (1 - cosine(query.positive, support.negative[other], dim=-1)).sum(dim=-1)
        torch.testing.assert_close(found[:, n], (u + v) / 2)


def test_a_class_is_adapted_by_the_others_and_not_by_queries() -> None:
    head, drawn = build(), drawn_episode([1, 1, 1])
    before = head.class_tokens(drawn)
    queries_moved = drawn._replace(query=2 - drawn.query)
    assert torch.equal(head.class_tokens(queries_moved).positive, before.positive)
    support = drawn.support.clone()
    support[2] = support[2].flip(-1)
    after = head.class_tokens(drawn._replace(support=support))
    for tokens in zip(before, after, strict=True):
        assert not torch.allclose(*(each[0] for each in tokens), atol=1e-6)


def test_the_classes_that_are_alike_stay_what_they_are() -> None:
    """A_o = A_n: nothing to move towards."""
    head, drawn = build(), drawn_episode([1, 1])
    twins = drawn._replace(support=drawn.support[:1].expand_as(drawn.support))
    before = head.patterns.of(head.patterns.attended(twins.support))
    for adapted, plain in zip(head.class_tokens(twins), before, strict=True):
        torch.testing.assert_close(adapted, plain)


def test_training_minimises_both_distances_and_only_measures_the_logits() -> None:
    head, drawn = build(), drawn_episode([2, 1])
    losses, distances = head.losses(drawn, QUERY_LABELS), head.distances(drawn)
    each = [torch.nn.functional.cross_entropy(-one, QUERY_LABELS) for one in distances]
    torch.testing.assert_close(losses.terms["L_positive"], each[0])
    torch.testing.assert_close(losses.terms["L_negative"], each[1])
    torch.testing.assert_close(losses.total, each[0] + each[1])
    assert losses.regularizers == 0


def test_heads_set_the_temperature_alone() -> None:
    drawn = drawn_episode([1, 1])
    assert build(heads=3).patterns.temperature == pytest.approx((16 / 3) ** 0.5)
    assert not torch.allclose(build(heads=1).classify(drawn), build(heads=8).classify(drawn))


def test_gradients_reach_every_parameter() -> None:
    head = build().train()
    head.losses(drawn_episode([2, 1]), QUERY_LABELS).total.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().max() > 1e-8, name


def test_fewer_than_two_classes_are_an_error() -> None:
    with pytest.raises(ValueError, match="the episode has 1 class, and must have 2 or more"):
        build().classify(drawn_episode([2]))


def test_the_release_has_these_tensors() -> None:
    layout = {name: list(shape) for name, (_, shape) in released_layout(build()).items()}
    assert layout == {
        "DPM.AP": [1, 6, 16],
        "DPM.ln.weight": [16],
        "DPM.ln.bias": [16],
        "DPM.mlp.inp_fc.weight": [16, 16],
        "DPM.mlp.inp_fc.bias": [16],
        "DPM.mlp.out_fc.weight": [16, 16],
        "DPM.mlp.out_fc.bias": [16],
    }
