"""HyRSM and HyRSM++'s regulariser in NumPy, one query after the other."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    class_means,
    cross_entropy,
    distances,
    layer_norm,
    linear,
    relu,
)
from tests.methods.layers import (
    attended,
    joint_attention,
    scaled_positions,
    set_distance,
    train_labels,
)


class Forward(NamedTuple):
    support: Array
    """[S, T, C] after the attention inside each clip."""
    query: Array
    """[Q, T, C]"""
    fused_support: Array
    """[Q, R, T, C]: the R support items as each query sees them."""
    fused_query: Array
    """[Q, T, C]"""
    logits: Array
    """[Q, N]"""


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]"""
    return _forward(episode, weights, **values).logits


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    """The terms, `total` and `regularizers`."""
    got = _forward(episode, weights, **values)
    terms = {
        "L_CE": cross_entropy(got.logits, episode.query_labels),
        "L_class": _class_loss(got, episode, weights),
        "L_smooth": _smoothness(got, **values) if values["smoothness_weight"] > 0 else 0.0,
    }
    total = (
        terms["L_CE"]
        + values["class_weight"] * terms["L_class"]
        + values["smoothness_weight"] * terms["L_smooth"]
    )
    return terms | {"total": total, "regularizers": 0.0}


def _forward(episode: Arrays, w: Weights, **values: Any) -> Forward:
    support = np.stack([_intra_clip(clip, w, **values) for clip in episode.support])
    query = np.stack([_intra_clip(clip, w, **values) for clip in episode.query])
    if values["supports"] == "mean":
        items = class_means(support, episode)
        labels = np.arange(episode.num_classes)
    else:
        items, labels = support, episode.support_labels
    fused = [_inter_clip(items, clip, w, **values) for clip in query]
    fused_support = np.stack([each[:-1] for each in fused])
    fused_query = np.stack([each[-1] for each in fused])
    scores = np.zeros((len(query), episode.num_classes))
    for q in range(len(query)):
        for n in range(episode.num_classes):
            d = [
                set_distance(fused_query[q], item, reduction=values["frame_reduction"])
                for item in fused_support[q][labels == n]
            ]
            scores[q, n] = -sum(d) / len(d)
    return Forward(support, query, fused_support, fused_query, scores)


def _intra_clip(clip: Array, w: Weights, **values: Any) -> Array:
    """(a) and (b): [T, C] -> [T, C]."""
    x = scaled_positions(clip, scale=values["position_scale"], weight=values["position_weight"])
    normed = layer_norm(x, w, "temporal_atte_before.norm")
    out = joint_attention(normed, w, "temporal_atte_before.fn", heads=values["heads"])
    return relu(out + x)


def _inter_clip(items: Array, clip: Array, w: Weights, **values: Any) -> Array:
    """(e) and (f): the supports and one query [R, T, C], [T, C] -> [R+1, T, C], query last."""
    clips = [*items, clip]
    tokens = np.stack([each.mean(axis=0) for each in clips])
    q, k, v = (linear(tokens, w, f"temporal_atte.w_{which}s") for which in "qkv")
    out = linear(attended(q, k, v, heads=values["heads"]), w, "temporal_atte.fc")
    tokens = relu(layer_norm(out + tokens, w, "temporal_atte.layer_norm"))
    kernel, bias = w["layer2.0.weight"][:, :, 0], w["layer2.0.bias"]
    fused = [
        [kernel @ np.concatenate([frame, token]) + bias for frame in each]
        for each, token in zip(clips, tokens, strict=True)
    ]
    return np.array(fused)


def _class_loss(got: Forward, episode: Arrays, w: Weights) -> float:
    """(c) over the frames of supports and queries."""
    if episode.classes is None:
        return 0.0
    frames = np.concatenate([*got.support, *got.query])
    labels = np.repeat(train_labels(episode), got.query.shape[1])
    return cross_entropy(linear(frames, w, "classification_layer"), labels)


def _smoothness(got: Forward, **values: Any) -> float:
    """L_t of HyRSM++: supports of all queries, plus queries."""
    supports = [_roughness(clip, **values) for items in got.fused_support for clip in items]
    queries = [_roughness(clip, **values) for clip in got.fused_query]
    return sum(supports) / len(supports) + sum(queries) / len(queries)


def _roughness(clip: Array, **values: Any) -> float:
    """The mean over pairs of frames: near ones should be alike, far ones not."""
    r = distances(clip, clip)
    total = 0.0
    for a in range(len(clip)):
        for b in range(len(clip)):
            apart = abs(a - b)
            if apart <= values["window"]:
                total += r[a, b] / (apart**2 + 1)
            else:
                margin = 1 - math.exp(-((apart - values["window"]) ** 2) / values["tau"])
                total += values["far_weight"] * max(0.0, margin - r[a, b])
    return total / len(clip) ** 2
