"""Bi-MHM in NumPy: set distance of frames, mean over a class's supports. No weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, of_class, only_cross_entropy
from tests.methods.layers import set_distance


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]"""
    out = np.zeros((len(episode.query), episode.num_classes))
    for q, clip in enumerate(episode.query):
        for n in range(episode.num_classes):
            each = [
                set_distance(clip, one, reduction=values["frame_reduction"])
                for one in of_class(episode.support, episode, n)
            ]
            out[q, n] = -sum(each) / len(each)
    return out


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    scores = logits(episode, weights, num_frames=num_frames, **values)
    return only_cross_entropy(scores, episode)
