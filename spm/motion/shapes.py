"""Outlines of the objects in the built-in clips.

A shape is a function of u and v, a pixel's coordinates in units of the object's radius. Its value
is below 1 inside, 1 on the outline, and grows about as fast as the distance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats, Floats], Floats]


def _disc(u: Floats, v: Floats) -> Floats:
    return np.sqrt(u * u + v * v)


def _box(u: Floats, v: Floats) -> Floats:
    return np.maximum(np.abs(u), np.abs(v)) / 0.9


def _diamond(u: Floats, v: Floats) -> Floats:
    return (np.abs(u) + np.abs(v)) / 1.25


def _triangle(u: Floats, v: Floats) -> Floats:
    return np.maximum(v, 0.866 * np.abs(u) - 0.5 * v) / 0.65


def _hexagon(u: Floats, v: Floats) -> Floats:
    return np.maximum(np.abs(v), 0.866 * np.abs(u) + 0.5 * np.abs(v)) / 0.93


def _cross(u: Floats, v: Floats) -> Floats:
    across, along = np.abs(u), np.abs(v)
    return np.maximum(np.minimum(across, along) / 0.42, np.maximum(across, along))


SHAPES: dict[str, Shape] = {
    "disc": _disc,
    "box": _box,
    "diamond": _diamond,
    "triangle": _triangle,
    "hexagon": _hexagon,
    "cross": _cross,
}
