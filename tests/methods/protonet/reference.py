"""Prototypical networks on mean frames, in NumPy."""

from __future__ import annotations

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    class_means,
    cosine_with_margin,
    of_class,
    only_cross_entropy,
)


def logits(episode: Arrays, weights: Weights, *, num_frames: int, variant: str) -> Array:
    """[Q, N]."""
    support, query = episode.support.mean(axis=1), episode.query.mean(axis=1)
    prototypes = class_means(support, episode)
    found = np.zeros((len(query), episode.num_classes))
    for q, z in enumerate(query):
        for n in range(episode.num_classes):
            if variant == "euclidean":
                found[q, n] = -((z - prototypes[n]) ** 2).sum()
            else:
                own = of_class(support, episode, n)
                found[q, n] = np.mean([cosine_with_margin(z, one) for one in own])
    return found


def losses(episode: Arrays, weights: Weights, **values: object) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
