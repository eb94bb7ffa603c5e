"""TEAM in NumPy: pattern tokens of clips, adapted among the classes of the episode."""

from __future__ import annotations

import math

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    class_means,
    cosine,
    cross_entropy,
    layer_norm,
    linear,
    relu,
    softmax,
    with_positions,
)


def both_distances(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    tokens: int,
    heads: int,
    dropout: float,
) -> tuple[Array, Array]:
    """PD and ND, [Q, N] each."""
    p = weights["DPM.AP"][0]
    classes = range(episode.num_classes)
    a = [attended(prototype, weights, heads) for prototype in class_means(episode.support, episode)]
    s_plus = [embedded(p + a[n], weights) for n in classes]
    s_minus = [embedded(p - a[n], weights) for n in classes]
    adapted_plus, adapted_minus = [], []
    for n in classes:
        plus, minus = [], []
        for o in classes:
            if o == n:
                continue
            e_plus, e_minus = row_cosines(s_plus[n], s_plus[o]), row_cosines(s_minus[n], s_minus[o])
            plus.append(embedded(p + a[n] - e_plus * (a[o] - a[n]), weights))
            minus.append(embedded(p - a[n] + e_minus * (a[o] - a[n]), weights))
        adapted_plus.append(np.mean(plus, axis=0))
        adapted_minus.append(np.mean(minus, axis=0))

    positive, negative = np.zeros((2, len(episode.query), episode.num_classes))
    for q, query in enumerate(episode.query):
        a_q = attended(query, weights, heads)
        q_plus, q_minus = embedded(p + a_q, weights), embedded(p - a_q, weights)
        u = [token_distance(adapted_plus[o], q_minus) for o in classes]
        v = [token_distance(adapted_minus[o], q_plus) for o in classes]
        for n in classes:
            others = [o for o in classes if o != n]
            positive[q, n] = token_distance(adapted_plus[n], q_plus)
            negative[q, n] = (max(u[o] for o in others) + max(v[o] for o in others)) / 2
    return positive, negative


def attended(x: Array, weights: Weights, heads: int) -> Array:
    """A(x) of a clip [T, C]: [M, C]."""
    tokens = layer_norm(weights["DPM.AP"][0], weights, "DPM.ln")
    frames = layer_norm(with_positions(x), weights, "DPM.ln")
    share = softmax(tokens @ frames.T / math.sqrt(x.shape[1] / heads))
    return share @ frames


def embedded(x: Array, weights: Weights) -> Array:
    """ReLU(f(x)), f(x) = x + W_2 ReLU(W_1 x)."""
    hidden = relu(linear(x, weights, "DPM.mlp.inp_fc"))
    return relu(x + linear(hidden, weights, "DPM.mlp.out_fc"))


def row_cosines(x: Array, y: Array) -> Array:
    """[M, 1]: token by token."""
    return np.array([[cosine(a, b)] for a, b in zip(x, y, strict=True)])


def token_distance(x: Array, y: Array) -> float:
    return float((1 - row_cosines(x, y)).sum())


def logits(episode: Arrays, weights: Weights, **values: object) -> Array:
    """[Q, N]"""
    positive, negative = both_distances(episode, weights, **values)
    return -(positive + negative)


def losses(episode: Arrays, weights: Weights, **values: object) -> dict[str, float]:
    positive, negative = both_distances(episode, weights, **values)
    labels = episode.query_labels
    l_positive, l_negative = cross_entropy(-positive, labels), cross_entropy(-negative, labels)
    return {
        "L_CE": cross_entropy(-(positive + negative), labels),
        "L_positive": l_positive,
        "L_negative": l_negative,
        "total": l_positive + l_negative,
        "regularizers": 0.0,
    }
