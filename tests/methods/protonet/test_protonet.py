"""ProtoNet's two variants against their equations, written clip by clip."""

import numpy as np
import pytest
import torch

import spm.methods
from spm.methods.base import EpisodeFeatures
from tests import models


def drawn_episode(shots: list[int]) -> EpisodeFeatures:
    given = models.features(shots=shots)
    return EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )


def euclidean(query: np.ndarray, supports: np.ndarray) -> float:
    return -float(((query - supports.mean(axis=0)) ** 2).sum())


def cosine(query: np.ndarray, supports: np.ndarray) -> float:
    norms = np.linalg.norm(query) * np.linalg.norm(supports, axis=1)
    return float((supports @ query / (norms + 0.01)).mean())


@pytest.mark.parametrize("score", [euclidean, cosine])
@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 1, 3]])
def test_logits_are_the_equations(score, shots: list[int]) -> None:
    drawn = drawn_episode(shots)
    query, support = (each.numpy().mean(axis=1) for each in (drawn.query, drawn.support))
    labels = drawn.support_labels.numpy()
    expected = [[score(q, support[labels == n]) for n in range(len(shots))] for q in query]
    head = spm.methods.build("protonet", channels=16, num_frames=4, variant=score.__name__)
    np.testing.assert_allclose(head.classify(drawn), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", ["euclidean", "cosine"])
def test_the_order_of_frames_plays_no_part(variant: str) -> None:
    drawn = drawn_episode([1, 2])
    head = spm.methods.build("protonet", channels=16, num_frames=4, variant=variant)
    turned = drawn._replace(query=drawn.query.flip(-2), support=drawn.support.flip(-2))
    torch.testing.assert_close(head.classify(turned), head.classify(drawn))
    assert list(head.parameters()) == []
