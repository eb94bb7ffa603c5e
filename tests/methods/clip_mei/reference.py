"""CLIP-MEI in NumPy, with the mean of the episode's texts in the prompt generator."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, class_means, cross_entropy, of_class
from tests.methods.layers import (
    alignments,
    feed_forward,
    motion,
    prompted,
    squared_norm,
    transformer,
)


class Forward(NamedTuple):
    prompts: Array
    """PG of each query [Q, C]"""
    tokens: Array
    """τ' and Q₁ [Q, 1+T, C]"""
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
    own = episode.class_text[episode.query_labels]
    true = _e(own, episode.query, weights, **values)
    text = squared_norm(own, got.prompts) + squared_norm(true[:, 0], got.tokens[:, 0])
    terms = {
        "L_CE": cross_entropy(got.logits, episode.query_labels),
        "L_consistency": squared_norm(true, got.tokens),
        "L_prompt": text / 2,
        "L_motion": sum(
            _motion_loss(side, weights, **values) for side in (episode.support, episode.query)
        ),
    }
    regularizers = values["consistency_weight"] * (
        terms["L_consistency"]
        + terms["L_prompt"]
        + float(weights["mo_alpha1"][0]) * terms["L_motion"]
    )
    return terms | {"total": terms["L_CE"] + regularizers, "regularizers": regularizers}


def _forward(episode: Arrays, w: Weights, **values: Any) -> Forward:
    labels, lam = episode.support_labels, values["otam_lambda"]
    prompts = np.stack([_prompt(episode.class_text, clip, w) for clip in episode.query])
    support = _e(episode.class_text[labels], episode.support, w, **values)[:, 1:]
    tokens = _e(prompts, episode.query, w, **values)
    query = tokens[:, 1:]
    d1 = alignments(class_means(support, episode), query, lam)
    anchors, support2, anchor, query2 = _tfe(support, query, episode, w, **values)
    d2 = alignments(class_means(support2, episode), query2, lam) + alignments(
        anchors, [anchor], lam
    )
    return Forward(prompts, tokens, -(values["distance_weight"] * d1 + d2))


def _e(prompts: Array, clips: Array, w: Weights, **values: Any) -> Array:
    """E(p, F) of each clip: [n, C], [n, T, C] -> [n, 1+T, C]."""
    return np.stack(
        [
            prompted(p, f, w, "context2", weight=values["prompt_weight"], heads=values["heads"])
            for p, f in zip(prompts, clips, strict=True)
        ]
    )


def _prompt(texts: Array, clip: Array, w: Weights) -> Array:
    """PG: the mean text, times the mean of all numbers of the clip, through two layers."""
    return feed_forward(texts.mean(axis=0) * clip.mean(), w, "token_tr.mlp")


def _tfe(
    support: Array, query: Array, episode: Arrays, w: Weights, **values: Any
) -> tuple[Array, Array, Array, Array]:
    """P' [N, T, C], S₂, A' [T, C], Q₂: a Transformer over clips, frame index by frame index."""
    num_classes = episode.num_classes
    anchors = np.stack(
        [
            np.stack([*of_class(support, episode, n), *query]).mean(axis=0)
            for n in range(num_classes)
        ]
    )
    anchor = anchors.mean(axis=0)

    def over_clips(clips: Array) -> Array:
        frames = [
            transformer(clips[:, t], w, "context1", heads=values["heads"])
            for t in range(clips.shape[1])
        ]
        return np.stack(frames, axis=1)

    supports = over_clips(np.concatenate([anchors, support]))
    queries = over_clips(np.concatenate([anchor[None], query]))
    return supports[:num_classes], supports[num_classes:], queries[0], queries[1:]


def _motion_loss(clips: Array, w: Weights, **values: Any) -> float:
    """MIC of one side: shallow motion, and motion of what it prompts."""
    shallow = np.stack([motion(clip, w).mean(axis=0) for clip in clips])
    out = _e(shallow, clips, w, **values)
    deep = np.stack([motion(frames, w).mean(axis=0) for frames in out[:, 1:]])
    return squared_norm(deep, out[:, 0])
