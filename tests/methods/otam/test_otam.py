"""OTAM against a table that is filled cell by cell in NumPy, from the equations alone."""

import numpy as np
import pytest
import torch

import spm.methods
from spm.methods.base import EpisodeFeatures
from tests import models


def one_way(distance: np.ndarray, lam: float) -> float:
    """γ over the table with a zero column on either side; the soft minimum is −λ log Σ exp(−/λ)."""
    rows, columns = distance.shape
    padded = np.pad(distance, ((0, 0), (1, 1)))
    table = np.zeros_like(padded)

    def smin(*values: float) -> float:
        return -lam * np.logaddexp.reduce(-np.array(values) / lam)

    table[0] = padded[0].cumsum()
    for row in range(1, rows):
        above = table[row - 1]
        for column in range(1, columns + 2):
            entered = [above[column - 1], table[row, column - 1]]
            if column in (1, columns + 1):
                entered.append(above[column])
            table[row, column] = padded[row, column] + smin(*entered)
    return float(table[-1, -1])


def logits(drawn: EpisodeFeatures, lam: float) -> np.ndarray:
    found = np.zeros((len(drawn.query), drawn.num_classes))
    for number, query in enumerate(drawn.query.numpy()):
        of_class: list[list[float]] = [[] for _ in range(drawn.num_classes)]
        for label, support in zip(drawn.support_labels, drawn.support.numpy(), strict=True):
            norms = np.linalg.norm(query, axis=1)[:, None] * np.linalg.norm(support, axis=1)
            distance = 1 - query @ support.T / (norms + 0.01)
            of_class[int(label)].append(one_way(distance, lam) + one_way(distance.T, lam))
        found[number] = [-np.mean(each) for each in of_class]
    return found


@pytest.mark.parametrize("lam", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("shots", [[1, 1], [3, 1, 2]])
def test_logits_are_the_equations(lam: float, shots: list[int]) -> None:
    given = models.features(shots=shots, frames=5)
    drawn = EpisodeFeatures(
        given.support, given.support_labels, given.query, None, num_classes=len(shots)
    )
    head = spm.methods.build("otam", channels=16, num_frames=5, otam_lambda=lam)
    np.testing.assert_allclose(head.classify(drawn), logits(drawn, lam), rtol=0, atol=1e-10)


def test_it_sees_the_order_of_frames_and_learns_nothing() -> None:
    given = models.features(shots=[1, 1])
    drawn = EpisodeFeatures(given.support, given.support_labels, given.query, None, num_classes=2)
    head = spm.methods.build("otam", channels=16, num_frames=4)
    turned = drawn._replace(query=drawn.query.flip(-2))
    assert not torch.allclose(head.classify(turned), head.classify(drawn), atol=1e-3)
    assert list(head.parameters()) == []
