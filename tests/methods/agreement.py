"""A method against its NumPy reference, with the same random weights and the same episode.

A reference is the module tests/methods/NAME/reference.py. It is written from the equations alone:
one episode, one clip after another, float64; it imports nothing of `spm`. Its weights have the
names of the method's public release.

    logits(episode, weights, *, num_frames, **values) -> [Q, N]
    losses(episode, weights, *, num_frames, **values) -> {term: value}, also total and regularizers
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

import spm.methods
from spm.config.model import read_values
from spm.methods.base import EpisodeFeatures, EpisodePixels, Losses, Method
from spm.methods.registry import load_released, released_layout
from tests.methods.arrays import Array, Arrays, draw_episode, draw_weights

TOLERANCE = 1e-9
"""Largest difference; of a value above 1, relative to it."""


def check(
    name: str,
    *,
    channels: int,
    num_frames: int,
    shots: Sequence[int],
    query: int = 2,
    values: dict[str, Any] | None = None,
    maps: int | None = None,
    pixels: int | None = None,
    train_classes: int = 12,
    known_classes: bool = True,
    seed: int = 0,
) -> None:
    """Asserts that logits, every term, total and regularizers of method `name` are its reference's.

    values: of the method, other than values.yaml's. maps, pixels, known_classes: of the episode
    (tests.methods.arrays.draw_episode). query: queries of each class.
    """
    values = values or {}
    head = spm.methods.build(
        name,
        channels=channels,
        num_frames=num_frames,
        train_classes=train_classes,
        map_size=maps,
        **values,
    )
    head = head.double().eval()
    weights = fill(head, seed=seed)
    episode = draw_episode(
        shots=shots,
        query=query,
        num_frames=num_frames,
        channels=channels,
        maps=maps,
        pixels=pixels,
        train_classes=train_classes,
        known_classes=known_classes,
        seed=seed,
    )
    reference = import_module(f"tests.methods.{name}.reference")
    chosen = read_values(name, **values).model_dump(exclude={"method", "init_from", "seed"})
    expected = reference.losses(episode, weights, num_frames=num_frames, **chosen)
    logits = reference.logits(episode, weights, num_frames=num_frames, **chosen)
    assert _spread(logits) > 1e-6, "the logits are alike: the weights or the episode test nothing"

    with torch.no_grad():
        found = _losses(head, episode)
        agree(head.classify(_features(episode)), logits, "logits")
    assert set(expected) == {*head.terms, "total", "regularizers"}
    assert tuple(found.terms) == head.terms
    for term, value in found.terms.items():
        agree(value, expected[term], term)
    agree(found.total, expected["total"], "total")
    agree(found.regularizers, expected["regularizers"], "regularizers")


def fill(head: Method, *, seed: int = 0) -> dict[str, Array]:
    """Loads random weights into `head` and returns them by the names of the release.

    The release also holds tensors that `head` does not have, which `load_released` must ignore.
    """
    shapes = {theirs: tuple(shape) for theirs, (_, shape) in released_layout(head).items()}
    weights = draw_weights(shapes, seed=seed)
    patterns = getattr(head, "released_unused", ())
    unused = [f"{prefix}unused" for prefix in head.released_other_prefixes]
    unused += [pattern.replace("*", "unused") for pattern in patterns]
    state = weights | {name: np.zeros(3) for name in unused}
    load_released(head, {name: torch.as_tensor(value) for name, value in state.items()})
    return weights


def agree(found: Tensor, expected: Array | float, what: str) -> None:
    """Asserts that `found` is `expected` to TOLERANCE, and has its shape."""
    ours, theirs = found.numpy(), np.asarray(expected)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape}, must be {theirs.shape}"
    assert np.isfinite(theirs).all(), f"{what} of the reference: {theirs}"
    error = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
    assert (error <= TOLERANCE).all(), f"{what} differs by {error.max():.3g}:\n{ours}\n{theirs}"


def _features(episode: Arrays) -> EpisodeFeatures:
    return EpisodeFeatures(
        support=torch.as_tensor(episode.support),
        support_labels=torch.as_tensor(episode.support_labels),
        query=torch.as_tensor(episode.query),
        class_text=_optional(episode.class_text),
        num_classes=episode.num_classes,
    )


def _losses(head: Method, episode: Arrays) -> Losses:
    pixels = None
    if episode.pixels_support is not None and episode.pixels_query is not None:
        pixels = EpisodePixels(
            torch.as_tensor(episode.pixels_support), torch.as_tensor(episode.pixels_query)
        )
    return head.losses(
        _features(episode),
        torch.as_tensor(episode.query_labels),
        classes=_optional(episode.classes),
        all_text=_optional(episode.all_text),
        pixels=pixels,
    )


def _optional(array: Array | None) -> Tensor | None:
    return None if array is None else torch.as_tensor(array)


def _spread(logits: Array) -> float:
    return float((logits.max(axis=1) - logits.min(axis=1)).max())
