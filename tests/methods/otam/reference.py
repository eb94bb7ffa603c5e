"""OTAM in NumPy: a table of costs for each query and support, filled cell by cell."""

from __future__ import annotations

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, distances, of_class, only_cross_entropy, otam


def logits(episode: Arrays, weights: Weights, *, num_frames: int, otam_lambda: float) -> Array:
    """[Q, N]: minus the mean over the supports of a class of the distances, not of the features."""
    found = np.zeros((len(episode.query), episode.num_classes))
    for q, query in enumerate(episode.query):
        for n in range(episode.num_classes):
            costs = [
                otam(distances(query, support, margin=True), otam_lambda)
                for support in of_class(episode.support, episode, n)
            ]
            found[q, n] = -np.mean(costs)
    return found


def losses(episode: Arrays, weights: Weights, **values: float) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
