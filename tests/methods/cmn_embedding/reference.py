"""CMN's embedding in NumPy: multi-saliency embeddings of clips, and their class means."""

from __future__ import annotations

import math

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    class_means,
    linear,
    norm,
    only_cross_entropy,
    softmax,
)


def embedded(clip: Array, weights: Weights) -> Array:
    """A clip [T, C] → z [C]."""
    h = weights["h"]
    a = np.stack([softmax(h @ frame / math.sqrt(len(frame))) for frame in clip])
    saliencies = []
    for j, token in enumerate(h):
        e = sum(a[t, j] * (frame - token) for t, frame in enumerate(clip))
        saliencies.append(e / norm(e))
    return linear(np.concatenate(saliencies), weights, "fc")


def logits(episode: Arrays, weights: Weights, *, num_frames: int, tokens: int) -> Array:
    """[Q, N]: minus squared Euclidean distances."""
    prototypes = class_means(
        np.stack([embedded(clip, weights) for clip in episode.support]), episode
    )
    queries = [embedded(clip, weights) for clip in episode.query]
    return np.array([[-((z - p) ** 2).sum() for p in prototypes] for z in queries])


def losses(episode: Arrays, weights: Weights, **values: int) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
