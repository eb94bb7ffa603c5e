"""Episodes and weights for the NumPy references of the methods: random, in float64.

One episode: `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels, `H` the side of maps
or of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Arrays(NamedTuple):
    """One episode, with all that training knows of it."""

    support: Array
    """[S, T, C] or [S, T, C, H, H]"""
    support_labels: Array
    """[S], in no order"""
    query: Array
    """[Q, T, C] or [Q, T, C, H, H]"""
    query_labels: Array
    """[Q], in no order"""
    num_classes: int
    """N"""
    class_text: Array | None
    """[N, C]"""
    classes: Array | None
    """[N], positions of the classes among the training classes"""
    all_text: Array | None
    """[training classes, C]; class_text is all_text[classes]"""
    pixels_support: Array | None
    """[S, T, 3, H, H]"""
    pixels_query: Array | None
    """[Q, T, 3, H, H]"""


def draw_episode(
    *,
    shots: Sequence[int],
    query: int,
    num_frames: int,
    channels: int,
    maps: int | None = None,
    pixels: int | None = None,
    train_classes: int = 12,
    known_classes: bool = True,
    seed: int = 0,
) -> Arrays:
    """Class n has shots[n] supports and `query` queries; the clips come in random order.

    maps: side of the maps, not negative as a ResNet's last stage. pixels: side of the frames.
    known_classes: whether the episode says which training classes its classes are.
    """
    rng = np.random.default_rng(seed)
    num_classes = len(shots)
    support_labels = rng.permutation(np.repeat(np.arange(num_classes), shots))
    query_labels = rng.permutation(np.repeat(np.arange(num_classes), query))
    classes = rng.permutation(train_classes)[:num_classes]
    all_text = rng.normal(size=(train_classes, channels))

    def features(labels: Array) -> Array:
        if maps is None:
            return rng.normal(size=(len(labels), num_frames, channels))
        return np.abs(rng.normal(size=(len(labels), num_frames, channels, maps, maps)))

    def frames(labels: Array) -> Array | None:
        return pixels and rng.normal(size=(len(labels), num_frames, 3, pixels, pixels))

    return Arrays(
        support=features(support_labels),
        support_labels=support_labels,
        query=features(query_labels),
        query_labels=query_labels,
        num_classes=num_classes,
        class_text=all_text[classes],
        classes=classes if known_classes else None,
        all_text=all_text if known_classes else None,
        pixels_support=frames(support_labels),
        pixels_query=frames(query_labels),
    )


def draw_weights(shapes: Mapping[str, Sequence[int]], *, seed: int = 0) -> dict[str, Array]:
    """A tensor for each name and shape, of a size that keeps the numbers of a layer near 1."""
    rng = np.random.default_rng(seed)
    return {name: _tensor(name, tuple(shape), rng) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    noise = rng.normal(size=shape)
    match name.rpartition(".")[2]:
        case "num_batches_tracked":
            return np.array(5)
        case "running_var":
            return 0.5 + np.abs(noise)
        case "bias" | "running_mean":
            return 0.3 * noise
        case "weight" if len(shape) > 1:
            return noise / math.sqrt(math.prod(shape[1:]))
        case "weight":  # of a normalisation
            return 1 + 0.2 * noise
    return 0.5 + 0.3 * np.abs(noise) if math.prod(shape) == 1 else noise
