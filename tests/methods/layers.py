"""Layers that several references share: NumPy, float64, one clip at a time.

A layer's weights are looked up by the layer's name in the release. T frames, C channels, L tokens;
maps: [C, H, W] one image, [C, T, H, W] one clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    bi_set,
    cosine_with_margin,
    cross_entropy,
    distances,
    gelu,
    layer_norm,
    linear,
    otam,
    softmax,
)


def scaled_positions(x: Array, *, scale: float, weight: float) -> Array:
    """PE-H(A, B) of [L, C]: x √(C/A) + B P; the exponent counts channels, not pairs of them."""
    length, channels = x.shape
    table = np.zeros((length, channels))
    for t in range(length):
        for i in range(0, channels, 2):
            table[t, i] = math.sin(t / 10000 ** (2 * i / channels))
            table[t, i + 1] = math.cos(t / 10000 ** (2 * (i + 1) / channels))
    return x * math.sqrt(channels / scale) + weight * table


def attended(q: Array, k: Array, v: Array, *, heads: int) -> Array:
    """[L, d], [L', d], [L', d] -> [L, d]: softmax(q k / √(d / heads)) v of each head."""
    width = q.shape[1] // heads
    out = np.zeros_like(q)
    for head in range(heads):
        own = slice(head * width, (head + 1) * width)
        for i in range(len(q)):
            share = softmax(k[:, own] @ q[i, own] / math.sqrt(width))
            out[i, own] = share @ v[:, own]
    return out


def joint_attention(x: Array, w: Weights, name: str, *, heads: int) -> Array:
    """[L, C] -> [L, C]: q, k and v are the thirds of one map `to_qkv`."""
    q, k, v = np.split(linear(x, w, f"{name}.to_qkv"), 3, axis=-1)
    return linear(attended(q, k, v, heads=heads), w, f"{name}.to_out.0")


def feed_forward(x: Array, w: Weights, name: str) -> Array:
    """W_2 GELU(W_1 x), the maps `net.0` and `net.3`."""
    return linear(gelu(linear(x, w, f"{name}.net.0")), w, f"{name}.net.3")


def transformer(
    q: Array, w: Weights, name: str, *, heads: int, kv: Array | None = None, depth: int = 1
) -> Array:
    """Tr(q, kv; d) [L, C]: one LayerNorm for the inputs of q, k and v, none before FF."""
    for i in range(depth):
        kv = q if kv is None or i > 0 else kv
        part = f"{name}.layers.{i}"
        q_in = layer_norm(q, w, f"{part}.0.norm")
        kv_in = layer_norm(kv, w, f"{part}.0.norm")
        mixed = attended(
            linear(q_in, w, f"{part}.0.fn.to_q"),
            linear(kv_in, w, f"{part}.0.fn.to_k"),
            linear(kv_in, w, f"{part}.0.fn.to_v"),
            heads=heads,
        )
        q = q + linear(mixed, w, f"{part}.0.fn.to_out.0")
        q = q + feed_forward(q, w, f"{part}.1")
    return q


def conv_time(x: Array, kernel: Array, bias: Array, *, before: Sequence[int]) -> Array:
    """[T, C] -> [T, C']: out[t] = bias + Σ_k kernel[:, :, k] x[t - before[k]], zeros outside."""
    out = np.zeros((len(x), len(kernel)))
    for t in range(len(x)):
        out[t] = bias
        for k, steps in enumerate(before):
            if 0 <= t - steps < len(x):
                out[t] += kernel[:, :, k] @ x[t - steps]
    return out


def two_convolutions(x: Array, w: Weights, names: tuple[str, str]) -> Array:
    """conv2: two convolutions over time, three frames wide, nothing between."""
    for name in names:
        x = conv_time(x, w[f"{name}.weight"], w[f"{name}.bias"], before=(1, 0, -1))
    return x


def motion(x: Array, w: Weights) -> Array:
    """[T, C] -> [T-1, C]: half the sum of both directions' differences of conv2(x) and x."""
    g = two_convolutions(x, w, ("motion_conv1", "motion_conv2"))
    return np.stack([((g[t + 1] - x[t]) + (g[t] - x[t + 1])) / 2 for t in range(len(x) - 1)])


def prompted(
    prompt: Array, frames: Array, w: Weights, name: str, *, weight: float, heads: int
) -> Array:
    """E(p, F) [1+L, C]: Tr([p ; F + weight p])."""
    return transformer(np.vstack([prompt, frames + weight * prompt]), w, name, heads=heads)


def video_text(clips: Sequence[Array], episode: Arrays, w: Weights) -> float:
    """CEμ(u) of the clips' mean frames [C], supports first: u = s cos(mean frame, B)."""
    if episode.classes is None:
        return 0.0
    u = [
        [w["scale"][0] * cosine_with_margin(clip, text) for text in episode.all_text]
        for clip in clips
    ]
    return cross_entropy(np.array(u), train_labels(episode))


def train_labels(episode: Arrays) -> Array:
    """The training class of each clip [S + Q], supports first."""
    return episode.classes[[*episode.support_labels, *episode.query_labels]]


def alignments(prototypes: Sequence[Array], queries: Sequence[Array], lam: float) -> Array:
    """OTAM of 1 − cosε, both directions: [Q, N]."""
    return np.array(
        [[otam(distances(q, p, margin=True), lam) for p in prototypes] for q in queries]
    )


def set_distance(x: Array, y: Array, *, reduction: str) -> float:
    """BiSet of 1 − cos of two clips [L, C], [L', C]: sums over frames, or means."""
    d = distances(x, y)
    if reduction == "sum":
        return bi_set(d)
    return float(d.min(axis=1).mean() + d.min(axis=0).mean())


def squared_norm(a: Array, b: Array) -> float:
    """‖a − b‖²: the mean over clips of each clip's squared Frobenius norm."""
    each = [float(((x - y) ** 2).sum()) for x, y in zip(a, b, strict=True)]
    return sum(each) / len(each)


def convolution(x: Array, w: Weights, name: str) -> Array:
    """[C, ...] -> [C', ...]: stride 1, padded by zeros so that the size stays; 1, 2 or 3 axes."""
    kernel, size = w[f"{name}.weight"], x.shape[1:]
    sides = kernel.shape[2:]
    padded = np.pad(x, [(0, 0)] + [(side // 2, side // 2) for side in sides])
    out = np.zeros((len(kernel), *size))
    for tap in product(*map(range, sides)):
        window = tuple(slice(a, a + n) for a, n in zip(tap, size, strict=True))
        out += np.tensordot(kernel[(..., *tap)], padded[(slice(None), *window)], axes=1)
    if f"{name}.bias" in w:
        out += w[f"{name}.bias"].reshape(-1, *[1] * len(size))
    return out


def max_pool(x: Array, sides: Sequence[int]) -> Array:
    """[C, ...]: the maximum of each block; what does not fill a block is left out."""
    for axis, side in enumerate(sides, start=1):
        blocks = x.shape[axis] // side
        parts = [x.take(range(i, blocks * side, side), axis=axis) for i in range(side)]
        x = np.max(parts, axis=0)
    return x


def resized(x: Array, size: int) -> Array:
    """[C, H, W] -> [C, size, size]: bilinear, the corners' centres stay where they are."""
    for axis in (1, 2):
        old = x.shape[axis]
        parts = []
        for i in range(size):
            at = i * (old - 1) / (size - 1) if size > 1 else 0.0
            low = min(int(at), old - 1)
            high, share = min(low + 1, old - 1), at - low
            parts.append((1 - share) * x.take(low, axis=axis) + share * x.take(high, axis=axis))
        x = np.stack(parts, axis=axis)
    return x
