"""TA2N in NumPy, with BatchNorm in evaluation. The first shot of a class is its reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    batch_norm,
    cosine,
    linear,
    of_class,
    only_cross_entropy,
    relu,
    softmax,
)
from tests.methods.layers import convolution, max_pool


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]"""
    supports = np.stack([_warped(clip, weights) for clip in episode.support])
    queries = np.stack([_warped(clip, weights) for clip in episode.query])
    classes = [of_class(supports, episode, n) for n in range(episode.num_classes)]
    if len(classes[0]) > 1:
        fused = [_fused(shots, weights) for shots in classes]
        w_v = weights["align.valuenet_multi.weight"]
        queries = np.stack([_each_map(clip, w_v) for clip in queries])
    else:
        fused = [shots[0] for shots in classes]
    return np.array([[-_distance(s, q, weights, **values) for s in fused] for q in queries])


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    scores = logits(episode, weights, num_frames=num_frames, **values)
    return only_cross_entropy(scores, episode)


def _warped(clip: Array, w: Weights) -> Array:
    """Stage 1: [T, C, H, W] at the positions a τ + b."""
    name = "align.firststage.locnet"
    x = clip.transpose(1, 0, 2, 3)
    for conv, norm in ((0, 1), (4, 5)):
        x = batch_norm(convolution(x, w, f"{name}.{conv}"), w, f"{name}.{norm}", axis=0)
        x = relu(max_pool(x, (2, 2, 2)))
    x = relu(linear(x.max(axis=(1, 2, 3)), w, f"{name}.10"))
    a, b = np.tanh(linear(x, w, f"{name}.12"))
    last = len(clip) - 1
    out = np.zeros_like(clip)
    for j in range(len(clip)):
        tau = 2 * j / last - 1
        at = (a * tau + b + 1) / 2 * last
        low = math.floor(at)
        for frame, share in ((low, low + 1 - at), (low + 1, at - low)):
            if 0 <= frame <= last:
                out[j] += share * clip[frame]
    return out


def _each_map(clip: Array, kernel: Array) -> Array:
    """The 1×1 map [C, C, 1] at every place of [T, C, H, W]."""
    return np.einsum("oc,tchw->tohw", kernel[:, :, 0], clip)


def _fused(shots: list[Array], w: Weights) -> Array:
    """K times [T, C, H, W] -> once: every shot on the frames of the first, then the mean."""
    channels = shots[0].shape[1]
    w_k, w_q = (w[f"align.{which}net_multi.weight"][:, :, 0] for which in ("key", "query"))
    queries = [w_q @ frame for frame in shots[0].mean(axis=(2, 3))]
    out = np.zeros_like(shots[0])
    for shot in shots:
        values = _each_map(shot, w["align.valuenet_multi.weight"])
        keys = [w_k @ frame for frame in shot.mean(axis=(2, 3))]
        for y, query in enumerate(queries):
            a = softmax(np.array([key @ query for key in keys]) / math.sqrt(channels))
            for x in range(len(shot)):
                out[y] += a[x] * values[x]
    return out / len(shots)


def _distance(s: Array, q: Array, w: Weights, **values: Any) -> float:
    """Stage 2 and the distance of one class and one query, [T, C, H, W] each."""
    s, q = _coordinated(s, q, w)
    shift = _shift(s, q, w)
    s_bar = [_at(frame, o, values["shifts"]) for frame, o in zip(s, shift, strict=True)]
    q_bar = [_at(frame, -o, values["shifts"]) for frame, o in zip(q, shift, strict=True)]
    pairs = zip(s_bar, q_bar, strict=True)
    return sum(1 - cosine(a, b) for a, b in pairs)


def _coordinated(s: Array, q: Array, w: Weights) -> tuple[Array, Array]:
    """s̃ and q̃: attention in time adds to all places of a map."""
    name = "align.secondstage"
    w_k, w_q, w_v = (w[f"{name}.{which}net.weight"][:, :, 0] for which in ("key", "query", "value"))
    v_s, v_q = s.mean(axis=(2, 3)), q.mean(axis=(2, 3))
    s_out, q_out = s.copy(), q.copy()
    for x in range(len(s)):
        a = softmax(np.array([(w_k @ v_s[x]) @ (w_q @ y) for y in v_q]) / math.sqrt(s.shape[1]))
        q_out[x] += (w_v @ (a @ v_q))[:, None, None]
        s_out[x] += (w_v @ v_s[x])[:, None, None]
    return s_out, q_out


def _shift(s: Array, q: Array, w: Weights) -> Array:
    """o [T, 2], (x, y)"""
    name = "align.secondstage.mvnet"
    x = np.concatenate([s, q], axis=1).transpose(1, 0, 2, 3)
    for conv, norm in ((0, 1), (4, 5)):
        x = batch_norm(convolution(x, w, f"{name}.{conv}"), w, f"{name}.{norm}", axis=0)
        x = relu(max_pool(x, (1, 2, 2)))
    x = x.max(axis=(2, 3))
    x = relu(convolution(x, w, f"{name}.10"))
    return 0.75 * np.tanh(convolution(x, w, f"{name}.12")).T


def _at(frame: Array, o: Array, shifts: bool) -> Array:
    """[C, L, L] -> [C]: the sum under the mask of the shift, the mean of nine where asked for."""
    steps = (-1, 0, 1) if shifts else (0,)
    size = frame.shape[-1]
    masks = [_mask(o[0] + 0.2 * i, o[1] + 0.2 * j, size) for i in steps for j in steps]
    mask = sum(mask / mask.sum() for mask in masks) / len(masks)
    return (frame * mask).sum(axis=(1, 2))


def _mask(x: float, y: float, size: int) -> Array:
    """[L, L] on the grid −1..1: rows go with y, columns with x."""

    def f(z: float) -> float:
        return 1.0 if abs(z) < 1 else max(0.0, 1 - (abs(z) - 1) * (size - 1) / 2)

    grid = [2 * i / (size - 1) - 1 for i in range(size)]
    return np.array([[f(row + y) * f(column + x) for column in grid] for row in grid])
