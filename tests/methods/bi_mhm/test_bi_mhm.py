"""Bi-MHM against its equations, written clip by clip, and its promises."""

import numpy as np
import pytest
import torch

import spm.methods
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures
from tests import models


def drawn_episode(shots: list[int]) -> EpisodeFeatures:
    given = models.features(shots=shots)
    return EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )


def distance(query: np.ndarray, support: np.ndarray, reduce) -> float:
    norms = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(support, axis=1)
    table = 1 - query @ support.T / norms
    return reduce(table.min(axis=1)) + reduce(table.min(axis=0))


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("shots", [[1, 1, 1], [2, 1, 3]])
def test_logits_are_the_equations(reduction: str, shots: list[int]) -> None:
    drawn = drawn_episode(shots)
    labels, reduce = drawn.support_labels.numpy(), getattr(np, reduction)
    expected = [
        [
            -np.mean([distance(query, each, reduce) for each in drawn.support.numpy()[labels == n]])
            for n in range(len(shots))
        ]
        for query in drawn.query.numpy()
    ]
    head = spm.methods.build("bi_mhm", channels=16, num_frames=4, frame_reduction=reduction)
    np.testing.assert_allclose(head.classify(drawn), expected, rtol=0, atol=1e-12)


def test_a_clip_is_a_set_of_frames_of_any_length_and_nothing_is_learned() -> None:
    drawn = drawn_episode([1, 2])
    head = spm.methods.build("bi_mhm", channels=16, num_frames=4)
    turned = drawn._replace(query=drawn.query.flip(-2), support=3 * drawn.support)
    torch.testing.assert_close(head.classify(turned), head.classify(drawn))
    assert list(head.parameters()) == []


@pytest.mark.parametrize("size", [0.0, 1e4])
def test_distances_of_zero_and_of_large_features_are_finite(size: float) -> None:
    drawn = drawn_episode([1, 2])
    large = drawn._replace(query=(size * drawn.query).float(), support=size * drawn.support.float())
    head = spm.methods.build("bi_mhm", channels=16, num_frames=4)
    assert torch.isfinite(head.classify(large)).all()


def test_the_explanation_adds_up_to_the_logits_of_one_shot() -> None:
    drawn = drawn_episode([1, 1])
    head = spm.methods.build("bi_mhm", channels=16, num_frames=4)
    found = head.explain(drawn)
    total = (found.distance * found.weights).sum(dim=(-2, -1))
    torch.testing.assert_close(-total, head.classify(drawn))


def test_the_variant_has_a_title_of_its_own() -> None:
    assert read_values("bi_mhm").full_title == "Bi-MHM"
    assert read_values("bi_mhm", frame_reduction="mean").full_title == "Bi-MHM (mean)"
