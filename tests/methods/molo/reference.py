"""MoLo in NumPy, with BatchNorm of the decoder in evaluation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    batch_norm,
    bi_set,
    class_means,
    cross_entropy,
    distances,
    layer_norm,
    linear,
    relu,
)
from tests.methods.layers import (
    convolution,
    feed_forward,
    joint_attention,
    resized,
    scaled_positions,
    train_labels,
)


class Clip(NamedTuple):
    base: Array
    """b [T+1, C], the token first."""
    motion: Array
    """m [T, C], the token first."""
    difference: Array
    """d [T-1, C/8, H, W]"""


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]"""
    _, queries, prototypes, moving = _forward(episode, weights, **values)
    return _logits(queries, prototypes, moving, **values)


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    """The terms, `total` and `regularizers`."""
    supports, queries, prototypes, moving = _forward(episode, weights, **values)
    scores = _logits(queries, prototypes, moving, **values)
    four = [
        *_contrast([q.base for q in queries], prototypes, weights["scale"][0]),
        *_contrast([q.motion for q in queries], moving, weights["scale_motion"][0]),
    ]
    reconstruct = 0.0
    if values["reconstruction_weight"] > 0:
        reconstruct = _reconstruction(supports, queries, episode, weights)
    terms = {
        "L_CE": cross_entropy(scores, episode.query_labels),
        "L_class": _class_loss([*supports, *queries], episode, weights),
        "L_contrast": sum(cross_entropy(each, episode.query_labels) for each in four),
        "L_reconstruct": reconstruct,
    }
    regularizers = values["reconstruction_weight"] * terms["L_reconstruct"]
    total = (
        terms["L_CE"]
        + values["class_weight"] * terms["L_class"]
        + values["contrast_weight"] * terms["L_contrast"]
        + regularizers
    )
    return terms | {"total": total, "regularizers": regularizers}


def _forward(
    episode: Arrays, w: Weights, **values: Any
) -> tuple[list[Clip], list[Clip], list[Array], list[Array]]:
    """Supports, queries and both streams' prototypes: N times [T+1, C], [T, C]."""
    supports = [_streams(clip, w, **values) for clip in episode.support]
    queries = [_streams(clip, w, **values) for clip in episode.query]
    prototypes = class_means(np.stack([s.base for s in supports]), episode)
    moving = class_means(np.stack([s.motion for s in supports]), episode)
    return supports, queries, prototypes, moving


def _streams(maps: Array, w: Weights, **values: Any) -> Clip:
    """[T, C, H, W] -> both streams of one clip."""
    frames = maps.mean(axis=(2, 3))
    reduced = convolution(maps.transpose(1, 0, 2, 3), w, "motion_reduce").transpose(1, 0, 2, 3)
    difference = np.stack(
        [
            convolution(reduced[t + 1], w, "motion_conv") - reduced[t]
            for t in range(len(reduced) - 1)
        ]
    )
    up = np.stack([relu(convolution(d, w, "motion_up")) for d in difference])
    moves = up.mean(axis=(2, 3))
    return Clip(
        _long_range(frames, w["class_token"][0], w, "temporal_atte_before", **values),
        _long_range(moves, w["class_token_motion"][0], w, "temporal_atte_before_motion", **values),
        difference,
    )


def _long_range(frames: Array, token: Array, w: Weights, name: str, **values: Any) -> Array:
    """[L, C], [1, C] -> [1+L, C]"""
    x = scaled_positions(
        np.vstack([token, frames]),
        scale=values["position_scale"],
        weight=values["position_weight"],
    )
    part = f"{name}.layers.0"
    normed = layer_norm(x, w, f"{part}.0.norm")
    x = x + joint_attention(normed, w, f"{part}.0.fn", heads=values["heads"])
    x = x + feed_forward(x, w, f"{part}.1")
    return relu(x)


def _logits(
    queries: list[Clip], prototypes: list[Array], moving: list[Array], **values: Any
) -> Array:
    out = np.zeros((len(queries), len(prototypes)))
    for q, clip in enumerate(queries):
        for n in range(len(prototypes)):
            d_b = bi_set(distances(clip.base[1:], prototypes[n][1:], margin=True))
            d_m = bi_set(distances(clip.motion[1:], moving[n][1:], margin=True))
            out[q, n] = -(d_b + values["motion_weight"] * d_m)
    return out


def _contrast(queries: list[Array], prototypes: list[Array], scale: float) -> tuple[Array, Array]:
    """s2q and q2s of one stream: the token of one side against the frames of the other."""
    s2q, q2s = np.zeros((2, len(queries), len(prototypes)))
    for q, clip in enumerate(queries):
        for n, prototype in enumerate(prototypes):
            s2q[q, n] = -scale * distances(prototype[1:], clip[:1], margin=True).sum()
            q2s[q, n] = -scale * distances(clip[1:], prototype[:1], margin=True).sum()
    return s2q, q2s


def _class_loss(clips: list[Clip], episode: Arrays, w: Weights) -> float:
    if episode.classes is None:
        return 0.0
    u = [
        linear(clip.base.mean(axis=0) + clip.motion.mean(axis=0), w, "classification_layer")
        for clip in clips
    ]
    return cross_entropy(np.stack(u), train_labels(episode))


def _reconstruction(
    supports: list[Clip], queries: list[Clip], episode: Arrays, w: Weights
) -> float:
    """L_r: the mean squared error of all numbers of supports and queries together."""
    pixels = [*episode.pixels_support, *episode.pixels_query]
    total, count = 0.0, 0
    for clip, rgb in zip([*supports, *queries], pixels, strict=True):
        for t, d in enumerate(clip.difference):
            error = _decoded(d, rgb.shape[-1], w) - (rgb[t + 1] - rgb[t])
            total += float((error**2).sum())
            count += error.size
    return total / count


def _decoded(d: Array, size: int, w: Weights) -> Array:
    """[C/8, H, W] -> [3, size, size]; a size other than 32 H is reached by resizing the output."""
    for name, factor in (("up1", 2), ("up2", 4), ("up3", 4)):
        d = convolution(resized(d, factor * d.shape[-1]), w, f"{name}.conv.double_conv.0")
        d = relu(batch_norm(d, w, f"{name}.conv.double_conv.1", axis=0))
    d = convolution(d, w, "outc.conv")
    return d if d.shape[-1] == size else resized(d, size)
