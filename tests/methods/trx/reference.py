"""TRX in NumPy: each tuple of a query with its own prototype of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    layer_norm,
    linear,
    of_class,
    only_cross_entropy,
    softmax,
    tuples,
    with_positions,
)


def logits(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    cardinalities: Sequence[int],
    dim: int,
    dropout: float,
) -> Array:
    """[Q, N]: mean over the cardinalities; the weights of cardinality number i begin with `i.`."""
    each = [
        cardinality_logits(episode, weights, f"{number}", width=width, dim=dim)
        for number, width in enumerate(cardinalities)
    ]
    return np.mean(each, axis=0)


def cardinality_logits(
    episode: Arrays, weights: Weights, name: str, *, width: int, dim: int
) -> Array:
    """logit_w [Q, N], from the weights of `name`."""
    found = np.zeros((len(episode.query), episode.num_classes))
    for n in range(episode.num_classes):
        support_keys, support_values = [], []
        for support in of_class(episode.support, episode, n):
            keys, values = keys_and_values(support, weights, name, width=width)
            support_keys.extend(keys)
            support_values.extend(values)
        for q, query in enumerate(episode.query):
            keys, values = keys_and_values(query, weights, name, width=width)
            squares = []
            for key, value in zip(keys, values, strict=True):
                share = softmax(np.array([key @ other for other in support_keys]) / math.sqrt(dim))
                prototype = share @ np.stack(support_values)
                squares.append(((value - prototype) ** 2).sum())
            found[q, n] = -sum(squares) / len(squares)
    return found


def keys_and_values(clip: Array, weights: Weights, name: str, *, width: int) -> tuple[Array, Array]:
    """A clip [T, C] → key and val of its tuples, [L, D] each."""
    t = tuples(with_positions(clip), width)
    keys = layer_norm(linear(t, weights, f"{name}.k_linear"), weights, f"{name}.norm_k")
    return keys, linear(t, weights, f"{name}.v_linear")


def losses(episode: Arrays, weights: Weights, **values: object) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
