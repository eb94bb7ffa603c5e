"""CLIP-CPM2C in NumPy: each branch starts from the raw features."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import Weights, class_means, cross_entropy
from tests.methods.layers import alignments, motion, prompted, squared_norm, video_text


def logits(episode: Arrays, weights: Weights, *, num_frames: int, **values: Any) -> Array:
    """[Q, N]"""
    frames, moves = _streams(episode, weights)
    d = _distances(*frames, episode, weights, **values)
    return -(d + values["motion_weight"] * _distances(*moves, episode, weights, **values))


def losses(
    episode: Arrays, weights: Weights, *, num_frames: int, **values: Any
) -> dict[str, float]:
    """The terms, `total` and `regularizers`."""
    scores = logits(episode, weights, num_frames=num_frames, **values)
    clips = [clip.mean(axis=0) for clip in (*episode.support, *episode.query)]
    streams = _streams(episode, weights)
    terms = {
        "L_CE": cross_entropy(scores, episode.query_labels),
        "L_text": video_text(clips, episode, weights),
        "L_consistency": sum(_consistency(*s, episode, weights, **values) for s in streams),
    }
    regularizers = values["consistency_weight"] * terms["L_consistency"]
    share = len(clips) / len(episode.query)
    total = terms["L_CE"] + values["text_weight"] * share * terms["L_text"] + regularizers
    return terms | {"total": total, "regularizers": regularizers}


def _streams(episode: Arrays, w: Weights) -> list[tuple[Array, Array, Array]]:
    """Supports, queries and the learned token of the frames and of the motion."""
    moves_s = np.stack([motion(clip, w) for clip in episode.support])
    moves_q = np.stack([motion(clip, w) for clip in episode.query])
    return [
        (episode.support, episode.query, w["class_token"][0, 0]),
        (moves_s, moves_q, w["class_token_motion"][0, 0]),
    ]


def _e(prompts: Array, clips: Array, w: Weights, **values: Any) -> Array:
    """E(p, F) of each clip: [n, C], [n, L, C] -> [n, 1+L, C]."""
    return np.stack(
        [
            prompted(p, f, w, "context2", weight=values["prompt_weight"], heads=values["heads"])
            for p, f in zip(prompts, clips, strict=True)
        ]
    )


def _distances(
    support: Array, query: Array, token: Array, e: Arrays, w: Weights, **values: Any
) -> Array:
    """OTAM [Q, N] of one stream, without the first token."""
    s = _e(e.class_text[e.support_labels], support, w, **values)[:, 1:]
    q = _e(np.stack([token] * len(query)), query, w, **values)[:, 1:]
    return alignments(class_means(s, e), q, values["otam_lambda"])


def _consistency(
    support: Array, query: Array, token: Array, e: Arrays, w: Weights, **values: Any
) -> float:
    """‖Q' − Q°‖² + ‖S' − S°‖² of one stream: clips with the text and with the token."""
    total = 0.0
    for clips, labels in ((query, e.query_labels), (support, e.support_labels)):
        with_text = _e(e.class_text[labels], clips, w, **values)
        with_token = _e(np.stack([token] * len(clips)), clips, w, **values)
        total += squared_norm(with_text, with_token)
    return total
