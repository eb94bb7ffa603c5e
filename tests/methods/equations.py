"""What several references share: NumPy, float64, one clip or one matrix at a time.

`L` tokens, `T` frames, `C` channels. Weights are a flat dict, by the names of the release.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.methods.arrays import Array, Arrays

Weights = dict[str, Array]


# ---------------------------------------------------------------- layers


def linear(x: Array, weights: Weights, name: str) -> Array:
    """[…, in] → […, out]; a layer without a bias has none in `weights`."""
    y = x @ weights[f"{name}.weight"].T
    return y + weights[f"{name}.bias"] if f"{name}.bias" in weights else y


def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


def gelu(x: Array) -> Array:
    """x times the normal distribution function of x, the exact form."""
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def sigmoid(x: Array) -> Array:
    return (1 + np.tanh(x / 2)) / 2


def layer_norm(x: Array, weights: Weights, name: str) -> Array:
    """Each [C] of […, C] to mean 0 and (biased) variance 1, then scaled and shifted."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def batch_norm(x: Array, weights: Weights, name: str, *, axis: int = 1) -> Array:
    """In evaluation: by the running statistics, channel by channel of `axis`."""
    shape = [1] * x.ndim
    shape[axis] = -1
    mean, variance, scale, shift = (
        weights[f"{name}.{part}"].reshape(shape)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x: Array, axis: int = -1) -> Array:
    return x - np.expand_dims(log_sum_exp(x, axis), axis)


def log_sum_exp(x: Array, axis: int = -1) -> Array:
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis))


# ---------------------------------------------------------------- an episode


def cross_entropy(logits: Array, labels: Array) -> float:
    """CEμ, the mean over the rows: logits [n, N], labels [n]."""
    each = [-log_softmax(row)[label] for row, label in zip(logits, labels, strict=True)]
    return float(np.mean(each))


def only_cross_entropy(logits: Array, episode: Arrays) -> dict[str, float]:
    """The losses of a method that has no other term."""
    loss = cross_entropy(logits, episode.query_labels)
    return {"L_CE": loss, "total": loss, "regularizers": 0.0}


def of_class(clips: Array, episode: Arrays, n: int) -> list[Array]:
    """The clips of class n among the supports, in their order."""
    return [clip for clip, label in zip(clips, episode.support_labels, strict=True) if label == n]


def class_means(clips: Array, episode: Arrays) -> list[Array]:
    """[S, …] → N times […]: means over each class's supports."""
    means = []
    for n in range(episode.num_classes):
        own = of_class(clips, episode, n)
        means.append(sum(own[1:], own[0]) / len(own))
    return means


# ---------------------------------------------------------------- frames


def cosine(x: Array, y: Array) -> float:
    """cos of two vectors, without the 0.01."""
    return float(x @ y) / max(norm(x) * norm(y), 1e-12)


def cosine_with_margin(x: Array, y: Array) -> float:
    """cosε of two vectors: 0.01 in the denominator."""
    return float(x @ y) / (norm(x) * norm(y) + 0.01)


def norm(x: Array) -> float:
    return math.sqrt(float((x**2).sum()))


def distances(x: Array, y: Array, *, margin: bool = False) -> Array:
    """1 − cos (1 − cosε with `margin`) of each frame of x [A, C] with each of y [B, C]: [A, B]."""
    similar = cosine_with_margin if margin else cosine
    return np.array([[1 - similar(a, b) for b in y] for a in x])


def bi_set(distance: Array) -> float:
    """BiSet of a matrix of distances [A, B]: sums over the frames of either clip."""
    return float(distance.min(axis=1).sum() + distance.min(axis=0).sum())


def with_positions(x: Array) -> Array:
    """PE-T of a clip [T, C]: x + 0.1·P."""
    num_frames, channels = x.shape
    table = np.zeros((num_frames, channels))
    for t in range(num_frames):
        for c in range(channels):
            frequency = 10000 ** (-(c - c % 2) / channels)
            table[t, c] = math.cos(t * frequency) if c % 2 else math.sin(t * frequency)
    return x + 0.1 * table


def tuples(x: Array, width: int) -> Array:
    """Tuples_w of a clip [T, C]: [L_w, w·C]."""
    chosen = itertools.combinations(range(len(x)), width)
    return np.stack([np.concatenate([x[t] for t in frames]) for frames in chosen])


def otam_one_way(distance: Array, lam: float) -> float:
    """γ of the frame distances [T, T'], rows aligned onto columns, cell by cell.

    A column of zeros stands on either side of the table; smin(…) = −λ·log Σ exp(−…/λ).
    """
    rows, columns = distance.shape
    padded = np.pad(distance, ((0, 0), (1, 1)))
    table = np.zeros_like(padded)

    def smin(*values: float) -> float:
        return -lam * float(log_sum_exp(-np.array(values) / lam))

    for m in range(1, columns + 2):
        table[0, m] = padded[0, m] + table[0, m - 1]
    for row in range(1, rows):
        above = table[row - 1]
        for m in range(1, columns + 2):
            before = [above[m - 1], table[row, m - 1]]
            if m in (1, columns + 1):
                before.append(above[m])
            table[row, m] = padded[row, m] + smin(*before)
    return float(table[-1, -1])


def otam(distance: Array, lam: float) -> float:
    """Both directions of a matrix of frame distances, summed."""
    return otam_one_way(distance, lam) + otam_one_way(distance.T, lam)
