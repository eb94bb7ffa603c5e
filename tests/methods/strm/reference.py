"""STRM in NumPy: patches of a frame, then frames of a clip, then TRX; a classifier on patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    cross_entropy,
    linear,
    norm,
    of_class,
    relu,
    softmax,
    tuples,
    with_positions,
)
from tests.methods.trx.reference import cardinality_logits


def both_logits(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    cardinalities: Sequence[int],
    dim: int,
    patches: int,
    patch_head: str,
    dropout: float,
) -> tuple[Array, Array]:
    """logit_f and logit_p, [Q, N] each."""
    support, query = (
        np.stack([patch_enrichment(clip, weights, patches) for clip in clips])
        for clips in (episode.support, episode.query)
    )
    logit_p = patch_logits(episode._replace(support=support, query=query), weights)
    enriched = episode._replace(
        support=np.stack([frame_enrichment(h, weights) for h in support]),
        query=np.stack([frame_enrichment(h, weights) for h in query]),
    )
    logit_f = [
        cardinality_logits(enriched, weights, f"main.transformers.{number}", width=width, dim=dim)
        for number, width in enumerate(cardinalities)
    ]
    return np.mean(logit_f, axis=0), logit_p


def patch_enrichment(maps: Array, weights: Weights, side: int) -> Array:
    """(a) to (d): maps [T, C, H, H] → h [T, C]."""
    name = "main.attn_pat"
    h = []
    for frame in maps:
        z = with_positions(pooled(frame, side))
        q, k, v = (
            linear(z, weights, f"{name}.{which}")
            for which in ("query_proj", "key_proj", "value_conv")
        )
        share = np.stack([softmax(np.array([own @ other for other in k])) for own in q])
        z = z + weights[f"{name}.gamma"] * (share @ v)
        hidden = relu(linear(z, weights, f"{name}.Bot_MLP.inp_fc"))
        hidden = relu(linear(hidden, weights, f"{name}.Bot_MLP.hid_fc"))
        z = z + linear(hidden, weights, f"{name}.Bot_MLP.out_fc")
        h.append(z.mean(axis=0))
    return np.stack(h)


def pooled(frame: Array, side: int) -> Array:
    """Adaptive max-pool [C, H, W] → [side², C], row by row."""
    _, height, width = frame.shape
    cells = []
    for row in range(side):
        top, bottom = row * height // side, math.ceil((row + 1) * height / side)
        for column in range(side):
            left, right = column * width // side, math.ceil((column + 1) * width / side)
            cells.append(frame[:, top:bottom, left:right].max(axis=(1, 2)))
    return np.stack(cells)


def patch_logits(episode: Arrays, weights: Weights) -> Array:
    """(e): [Q, N] from h of supports and queries, by pairs of frames."""

    def embedded(h: Array) -> Array:
        return relu(linear(tuples(h, 2), weights, "dist.0.clsW"))

    found = np.zeros((len(episode.query), episode.num_classes))
    for n in range(episode.num_classes):
        own = np.concatenate([embedded(h) for h in of_class(episode.support, episode, n)])
        for q, query in enumerate(episode.query):
            nearest = [min(norm(e - other) for other in own) for e in embedded(query)]
            found[q, n] = -np.mean(nearest)
    return found


def frame_enrichment(h: Array, weights: Weights) -> Array:
    """(f): [T, C] → [T, C], a token MLP over T and a channel MLP."""
    name = "main.fr_enrich"
    h = with_positions(h)
    hidden = relu(linear(h.T, weights, f"{name}.Tok_MLP.inp_fc"))
    h = h + linear(hidden, weights, f"{name}.Tok_MLP.out_fc").T
    hidden = relu(linear(h, weights, f"{name}.Bot_MLP.inp_fc"))
    return h + linear(hidden, weights, f"{name}.Bot_MLP.out_fc")


def logits(episode: Arrays, weights: Weights, *, patch_weight: float, **values: object) -> Array:
    """[Q, N]"""
    logit_f, logit_p = both_logits(episode, weights, **values)
    return logit_f + patch_weight * logit_p


def losses(
    episode: Arrays, weights: Weights, *, patch_weight: float, **values: object
) -> dict[str, float]:
    logit_f, logit_p = both_logits(episode, weights, **values)
    labels = episode.query_labels
    frame, patch = cross_entropy(logit_f, labels), cross_entropy(logit_p, labels)
    return {
        "L_CE": cross_entropy(logit_f + patch_weight * logit_p, labels),
        "L_frame": frame,
        "L_patch": patch,
        "total": frame + patch_weight * patch,
        "regularizers": 0.0,
    }
