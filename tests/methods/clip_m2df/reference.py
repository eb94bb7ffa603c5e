"""CLIP-M2DF in NumPy: the queries' classes are drawn elsewhere, or the likeliest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tests.methods.arrays import Array, Arrays
from tests.methods.equations import (
    Weights,
    class_means,
    cosine_with_margin,
    cross_entropy,
    relu,
    softmax,
)
from tests.methods.layers import (
    alignments,
    conv_time,
    transformer,
    two_convolutions,
    video_text,
)


class View(NamedTuple):
    distance: Array
    """[Q, N]"""
    text_confidence: Array
    """c_v [Q]"""
    distance_confidence: Array
    """e_v [Q]"""


def logits(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    drawn: Sequence[int] | None = None,
    **values: Any,
) -> Array:
    """[Q, N]. drawn: the class whose text each query takes; None for the likeliest."""
    local, world = _views(episode, weights, drawn, **values)
    return -local.distance - world.distance


def losses(
    episode: Arrays,
    weights: Weights,
    *,
    num_frames: int,
    drawn: Sequence[int] | None = None,
    **values: Any,
) -> dict[str, float]:
    """The terms, `total` and `regularizers`."""
    local, world = _views(episode, weights, drawn, **values)
    clips = _selected_means(episode, **values)
    terms = {
        "L_CE": cross_entropy(-local.distance - world.distance, episode.query_labels),
        "L_text": video_text(clips, episode, weights),
        "L_distillation": _distillation(local, world, **values),
    }
    num_queries = len(episode.query)
    total = (
        terms["L_CE"]
        + values["text_weight"] * len(clips) / num_queries * terms["L_text"]
        + values["distillation_weight"] * terms["L_distillation"] / num_queries
    )
    return terms | {"total": total, "regularizers": 0.0}


def class_probabilities(episode: Arrays, **values: Any) -> Array:
    """π [Q, N], from which a query's class is drawn."""
    return np.stack([softmax(values["temperature"] * a) for a in _similarity(episode, **values)])


def _similarity(episode: Arrays, **values: Any) -> Array:
    """a [Q, N]: the mean of the largest cosines of a class's text and the query's frames."""
    out = np.zeros((len(episode.query), episode.num_classes))
    for q, clip in enumerate(episode.query):
        for n, text in enumerate(episode.class_text):
            each = sorted(cosine_with_margin(text, frame) for frame in clip)
            out[q, n] = np.mean(each[-values["selected_frames"] :])
    return out


def _selected_means(episode: Arrays, **values: Any) -> list[Array]:
    """The mean of the frames nearest to a clip's text: supports, then queries."""
    likeliest = _similarity(episode, **values).argmax(axis=1)
    texts = episode.class_text[[*episode.support_labels, *likeliest]]
    means = []
    for clip, text in zip([*episode.support, *episode.query], texts, strict=True):
        near = np.argsort([-cosine_with_margin(text, frame) for frame in clip])
        means.append(clip[near[: values["selected_frames"]]].mean(axis=0))
    return means


def _views(
    episode: Arrays, w: Weights, drawn: Sequence[int] | None, **values: Any
) -> tuple[View, View]:
    """The local and the global one."""
    chosen = _similarity(episode, **values).argmax(axis=1) if drawn is None else np.array(drawn)

    def local(clip: Array) -> Array:
        return two_convolutions(clip, w, ("context_conv1", "context_conv2"))

    def whole(clip: Array) -> Array:
        return clip + _tcn(clip, w)[-1]

    views = []
    for name, context in (("context2", local), ("context_local", whole)):

        def fused(clip, text, name=name, context=context) -> Array:
            q, kv = np.vstack([text, context(clip)]), np.vstack([text, clip])
            return transformer(q, w, name, heads=values["heads"], kv=kv)[1:]

        texts_s = episode.class_text[episode.support_labels]
        texts_q = episode.class_text[chosen]
        supports = [fused(*pair) for pair in zip(episode.support, texts_s, strict=True)]
        queries = [fused(*pair) for pair in zip(episode.query, texts_q, strict=True)]
        prototypes = class_means(np.stack(supports), episode)
        views.append(_view(queries, prototypes, values["otam_lambda"]))
    return views[0], views[1]


def _view(queries: list[Array], prototypes: list[Array], lam: float) -> View:
    d = alignments(prototypes, queries, lam)
    first = [np.array([cosine_with_margin(q[0], p[0]) for p in prototypes]) for q in queries]
    return View(
        d,
        np.array([softmax(row).max() for row in first]),
        np.array([softmax(-row).max() for row in d]),
    )


def _tcn(x: Array, w: Weights) -> Array:
    """[T, C] -> [T, C]: three residual blocks of causal convolutions."""
    for block in range(3):
        dilation = 2**block
        h = x
        for conv in ("conv1", "conv2"):
            name = f"tcn.network.{block}.{conv}"
            v = w[f"{name}.weight_v"]
            norms = np.array([math.sqrt((one**2).sum()) for one in v])
            kernel = w[f"{name}.weight_g"] * v / norms[:, None, None]
            before = (2 * dilation, dilation, 0)
            h = relu(conv_time(h, kernel, w[f"{name}.bias"], before=before))
        x = relu(x + h)
    return x


def _distillation(local: View, world: View, **values: Any) -> float:
    """The more confident view teaches the other; nothing is detached."""
    tests = []
    if values["compare_text"]:
        tests.append(local.text_confidence >= world.text_confidence)
    if values["compare_distance"]:
        tests.append(local.distance_confidence >= world.distance_confidence)
    queries = range(len(local.distance))
    up = _taught(local, world, [q for q in queries if all(test[q] for test in tests)], tests)
    down = _taught(world, local, [q for q in queries if not any(test[q] for test in tests)], tests)
    return {"bid": up + down, "up2down": down, "down2up": up}[values["distillation"]]


def _taught(teacher: View, pupil: View, queries: list[int], tests: list[Array]) -> float:
    """KL(teacher → pupil) of the queries, weighted by the teacher's confidence if it was tested."""
    total = weights = 0.0
    for q in queries:
        p, other = softmax(-teacher.distance[q]), softmax(-pupil.distance[q])
        kl = float((p * (np.log(p) - np.log(other))).sum())
        weight = teacher.distance_confidence[q] + teacher.text_confidence[q] if tests else 1.0
        total += weight * kl
        weights += weight
    if not tests:
        return total
    return total / weights if queries else 0.0
