"""What CMN's embedding promises beside its equations, and its special cases."""

import pytest
import torch

import spm.methods
from spm.methods.base import EpisodeFeatures, prepare
from spm.methods.cmn_embedding.method import CMNEmbedding
from spm.methods.registry import released_layout
from tests import models

QUERY_LABELS = torch.tensor([0, 0, 1, 1])


def build(**values: int) -> CMNEmbedding:
    head = spm.methods.build("cmn_embedding", channels=16, num_frames=4, **values)
    return head.double().eval()


def drawn_episode(shots: list[int]) -> EpisodeFeatures:
    given = models.features(shots=shots)
    return EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )


def test_it_starts_as_the_direction_of_the_mean_frame() -> None:
    """All tokens are near 0 and see each frame alike; W averages them."""
    drawn = drawn_episode([1, 1])
    expected = torch.nn.functional.normalize(drawn.query.mean(dim=-2), dim=-1)
    torch.testing.assert_close(build().embed(drawn.query), expected, rtol=0, atol=1e-6)


def test_a_frame_is_shared_by_the_tokens_that_it_resembles() -> None:
    """One channel: a token at 4 and one at −4; frames at 3 and −5 belong to one token each."""
    head = spm.methods.build("cmn_embedding", channels=1, num_frames=2, tokens=2).double()
    with torch.no_grad():
        head.h.copy_(torch.tensor([[4.0], [-4.0]]))
        head.fc.weight.copy_(torch.tensor([[10.0, 1.0]]))
    # 3 is below its token, and −5 too: both residuals have the direction −1.
    assert head.embed(torch.tensor([[3.0], [-5.0]]).double()).item() == pytest.approx(-11)
    # 5 is above its token.
    assert head.embed(torch.tensor([[5.0], [-5.0]]).double()).item() == pytest.approx(9)


@pytest.mark.parametrize("shots", [[1, 1], [3, 1]])
def test_prepared_clips_give_the_same_logits(shots: list[int]) -> None:
    head, drawn = build(), drawn_episode(shots)
    support, query = (prepare(head, each, None) for each in (drawn.support, drawn.query))
    prepared = drawn._replace(
        support=0 * drawn.support,
        query=0 * drawn.query,
        prepared=support._replace(query=query.query),
    )
    torch.testing.assert_close(head.classify(prepared), head.classify(drawn), rtol=0, atol=1e-12)


def test_a_class_is_the_mean_of_its_embeddings_and_frames_have_no_order() -> None:
    head, drawn = build(), drawn_episode([2, 1])
    z_support, z_query = head.embed(drawn.support), head.embed(drawn.query.flip(-2))
    prototypes = torch.stack([z_support[:2].mean(dim=0), z_support[2]])
    expected = -torch.cdist(z_query, prototypes).square()
    torch.testing.assert_close(head.classify(drawn), expected)


def test_gradients_reach_every_parameter() -> None:
    head = build().train()
    head.losses(drawn_episode([2, 1]), QUERY_LABELS).total.backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad.abs().max() > 1e-8, name


def test_the_release_fills_it_and_its_bias_would_change_nothing() -> None:
    head = build()
    layout = {name: list(shape) for name, (_, shape) in released_layout(head).items()}
    assert layout == {"h": [8, 16], "fc.weight": [16, 128]}
    state = {"h": torch.randn(8, 16), "fc.weight": torch.randn(16, 128), "fc.bias": torch.ones(16)}
    spm.methods.load_released(head, state)
    drawn = drawn_episode([2, 1])
    before = head.classify(drawn)
    head.fc.bias = torch.nn.Parameter(torch.randn(16).double())
    torch.testing.assert_close(head.classify(drawn), before)
