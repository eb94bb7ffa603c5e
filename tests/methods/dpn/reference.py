"""DPN in NumPy: a prototype of each class from its supports, and one from each query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    cosine,
    layer_norm,
    linear,
    of_class,
    only_cross_entropy,
    softmax,
    tuples,
    with_positions,
)


class Shot(NamedTuple):
    """A support's tuples, [L, D] each."""

    raw: Array
    key: Array
    value: Array


def logits(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    cardinalities: Sequence[int],
    scale: float,
    similarity_axis: str,
    dropout: float,
) -> Array:
    """[Q, N]: mean over the cardinalities; the weights of cardinality number i begin with `i.`."""
    each = []
    for number, width in enumerate(cardinalities):
        found = np.zeros((len(episode.query), episode.num_classes))
        for n in range(episode.num_classes):
            shots = [
                shot(clip, weights, f"{number}", width=width)
                for clip in of_class(episode.support, episode, n)
            ]
            c = class_specific(shots)
            for q, query in enumerate(episode.query):
                t = tuples(with_positions(query), width)
                y = linear(t, weights, f"{number}.W_V")
                u = query_specific(t, shots, weights, f"{number}")
                found[q, n] = scale * mean_cosine(c, y)
                if similarity_axis == "channels":
                    found[q, n] += scale * mean_cosine(u, y)
                else:
                    found[q, n] += scale * mean_cosine(u.T, y.T)
        each.append(found)
    return np.mean(each, axis=0)


def shot(clip: Array, weights: Weights, name: str, *, width: int) -> Shot:
    """A support [T, C]: its tuples, and their k and v."""
    t = tuples(with_positions(clip), width)
    k, v = (
        layer_norm(linear(t, weights, f"{name}.{which}"), weights, f"{name}.norm_k")
        for which in ("W_K", "W_V")
    )
    return Shot(t, k, v)


def class_specific(shots: list[Shot]) -> Array:
    """c_n [L, D]: each shot is asked by the mean over the other shots, one shot by itself."""
    c = np.zeros_like(shots[0].value)
    for j, one in enumerate(shots):
        others = [other for o, other in enumerate(shots) if o != j] or [one]
        scores = [other.raw @ one.key.T / math.sqrt(one.key.shape[1]) for other in others]
        c += softmax(sum(scores) / len(scores)) @ one.value
    return c


def query_specific(t: Array, shots: list[Shot], weights: Weights, name: str) -> Array:
    """u [L, D] of one query's tuples t [L, D] and one class."""
    asked = layer_norm(linear(t, weights, f"{name}.W_Q"), weights, f"{name}.norm_k")
    u = np.zeros_like(t)
    for one in shots:
        u += softmax(asked @ one.key.T / math.sqrt(t.shape[1])) @ one.value
    return u


def mean_cosine(x: Array, y: Array) -> float:
    """Mean over the rows of the cosines of x's and y's rows."""
    return float(np.mean([cosine(a, b) for a, b in zip(x, y, strict=True)]))


def losses(episode: Arrays, weights: Weights, **values: object) -> dict[str, float]:
    return only_cross_entropy(logits(episode, weights, **values), episode)
