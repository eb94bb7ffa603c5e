"""The patterns on the objects in the built-in clips.

A texture maps u and v, a pixel's coordinates in units of the object's radius, and a phase in
radians to the share of the object's second colour at the pixel, in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Texture = Callable[[Floats, Floats, float], Floats]


def _halves(u: Floats, v: Floats, phase: float) -> Floats:
    share: Floats = np.where(u >= 0, np.float32(1), np.float32(0))
    return share


def _plain(u: Floats, v: Floats, phase: float) -> Floats:
    share: Floats = np.zeros_like(u)
    return share


def _striped(u: Floats, v: Floats, phase: float) -> Floats:
    share: Floats = np.clip(0.5 + 2 * np.sin(8.5 * u + phase), 0, 1)
    return share


def _dotted(u: Floats, v: Floats, phase: float) -> Floats:
    share: Floats = np.clip(6 * np.sin(7 * u + phase) * np.sin(6 * v) - 1.6, 0, 1)
    return share


TEXTURES: dict[str, Texture] = {
    "halves": _halves,
    "plain": _plain,
    "striped": _striped,
    "dotted": _dotted,
}
