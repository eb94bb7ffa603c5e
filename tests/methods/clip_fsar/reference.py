"""CLIP-FSAR in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, class_means, cross_entropy, norm, softmax
from tests.methods.layers import alignments, transformer, video_text


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]: minus the distance, or the logarithm of the score that `test_text` asks for."""
    d = _distances(episode, weights, **values)
    if values["test_text"] == "none":
        return -d
    out = np.zeros_like(d)
    for q, clip in enumerate(episode.query):
        x = clip.mean(axis=0) / norm(clip.mean(axis=0))
        texts = np.stack([text / norm(text) for text in episode.class_text])
        p_t = softmax(weights["scale"][0] * texts @ x)
        p_v = softmax((8 - d[q]) / 8)
        beta = values["text_coefficient"]
        score = p_t if values["test_text"] == "only" else p_t**beta * p_v ** (1 - beta)
        out[q] = np.log(score)
    return out


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    """The terms, `total` and `regularizers`. The text of a query at test has no part in them."""
    scores = -_distances(episode, weights, **values)
    clips = [clip.mean(axis=0) for clip in (*episode.support, *episode.query)]
    terms = {
        "L_CE": cross_entropy(scores, episode.query_labels),
        "L_text": video_text(clips, episode, weights),
    }
    total = terms["L_CE"] + values["text_weight"] * terms["L_text"]
    return terms | {"total": total, "regularizers": 0.0}


def _distances(episode: Arrays, w: Weights, **values: Any) -> Array:
    """OTAM [Q, N]"""

    def context(tokens: Array) -> Array:
        return transformer(tokens, w, "context2", heads=values["heads"], depth=values["depth"])

    def with_text(clip: Array, text: Array) -> Array:
        return context(np.vstack([clip, text]))[: len(clip)]

    labels, texts = episode.support_labels, episode.class_text
    if values["supports"] == "mean":
        means = class_means(episode.support, episode)
        prototypes = np.stack([with_text(*pair) for pair in zip(means, texts, strict=True)])
    else:
        own = zip(episode.support, texts[labels], strict=True)
        modulated = np.stack([with_text(*pair) for pair in own])
        prototypes = class_means(modulated, episode)
    queries = [context(clip) for clip in episode.query]
    return alignments(prototypes, queries, values["otam_lambda"])
