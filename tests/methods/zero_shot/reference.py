"""Zero-shot class text, in NumPy."""

from __future__ import annotations

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, cosine, only_cross_entropy


def logits(episode: Arrays, weights: Weights, *, num_frames: int) -> Array:
    """[Q, N]: cosines of mean frames with class texts."""
    query = episode.query.mean(axis=1)
    return np.array([[cosine(z, text) for text in episode.class_text] for z in query])


def losses(episode: Arrays, weights: Weights, **values: int) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
