"""The trajectories of the built-in actions: where one or two objects are at each time.

An action maps times t [F] in [0, 1] to one pose per object, the one in front last. x and y are in
reaches (1: as far from the middle of the picture as an action goes), x to the right and y down;
width and height are multiples of the object's own; angles are in radians, clockwise.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.floating[Any]]


class Pose(NamedTuple):
    """Where one object is and how large: each a number or one number per time [F]."""

    x: Times | float = 0.0
    y: Times | float = 0.0
    width: Times | float = 1.0
    height: Times | float = 1.0
    angle: Times | float = 0.0


Action = Callable[[Times], tuple[Pose, ...]]


def backwards(action: Action) -> Action:
    """`action` played backwards."""
    return lambda t: action(1 - t)


def and_back(action: Action) -> Action:
    """All of `action` in half the time, then backwards."""
    return lambda t: action(1 - np.abs(2 * t - 1))


def only_half(action: Action) -> Action:
    """The first half of `action` at the usual pace, then a standstill."""
    return lambda t: action(np.minimum(t, 0.5))


def ramp(t: Times, first: float, last: float) -> Times:
    """From `first` at t = 0 to `last` at t = 1."""
    return first + (last - first) * t


def moving_right(t: Times) -> tuple[Pose, ...]:
    return (Pose(x=ramp(t, -1, 1)),)


def moving_left(t: Times) -> tuple[Pose, ...]:
    return (Pose(x=ramp(t, 1, -1)),)


def moving_down(t: Times) -> tuple[Pose, ...]:
    return (Pose(y=ramp(t, -1, 1)),)


def moving_up(t: Times) -> tuple[Pose, ...]:
    return (Pose(y=ramp(t, 1, -1)),)


def moving_down_and_right(t: Times) -> tuple[Pose, ...]:
    return (Pose(x=ramp(t, -0.9, 0.9), y=ramp(t, -0.9, 0.9)),)


def dropping(t: Times) -> tuple[Pose, ...]:
    """Held at the top for a while, then down at once."""
    return (Pose(y=ramp(np.clip((t - 0.5) / 0.2, 0, 1), -1, 1)),)


def growing(t: Times) -> tuple[Pose, ...]:
    size = ramp(t, 0.6, 2.0)
    return (Pose(width=size, height=size),)


def folding(t: Times) -> tuple[Pose, ...]:
    return (Pose(width=1.4, height=ramp(t, 2.1, 0.4)),)


def stretching(t: Times) -> tuple[Pose, ...]:
    return (Pose(width=ramp(t, 0.6, 2.4), height=1.1),)


def turning(t: Times) -> tuple[Pose, ...]:
    return (Pose(width=1.7, height=1.2, angle=ramp(t, 0, np.pi)),)


def rolling_right(t: Times) -> tuple[Pose, ...]:
    return (Pose(x=ramp(t, -1, 1), angle=ramp(t, 0, 1.5 * np.pi)),)


def tipping_over(t: Times) -> tuple[Pose, ...]:
    """Upright on the left, then on its side on the right, turning about its lower right corner."""
    angle = ramp(t, 0, np.pi / 2)
    x, y = 1.2 * np.sin(angle) - 0.6, 0.8 * (1 - np.cos(angle))
    return (Pose(x=x, y=y, width=0.8, height=2.0, angle=angle),)


def circling(t: Times) -> tuple[Pose, ...]:
    return (_orbit(t, radius=0.9),)


def circling_around(t: Times) -> tuple[Pose, ...]:
    return Pose(), _orbit(t, radius=1.1)


def _orbit(t: Times, *, radius: float) -> Pose:
    """Once around the middle, clockwise, from the top."""
    angle = ramp(t, 0, 2 * np.pi)
    return Pose(x=radius * np.sin(angle), y=-radius * np.cos(angle))


def meeting(t: Times) -> tuple[Pose, ...]:
    x = ramp(t, 1.15, 0.4)
    return Pose(x=-x), Pose(x=x)


def passing(t: Times) -> tuple[Pose, ...]:
    x = ramp(t, -1, 1)
    return Pose(x=x, y=-0.4), Pose(x=-x, y=0.4)


def separating(t: Times) -> tuple[Pose, ...]:
    y = ramp(t, 0.15, 1.1)
    return Pose(y=-y), Pose(y=y)


def moving_closer(t: Times) -> tuple[Pose, ...]:
    return Pose(x=0.9), Pose(x=ramp(t, -1.1, 0.2))


def putting_onto(t: Times) -> tuple[Pose, ...]:
    return Pose(y=0.9, width=1.5, height=0.9), Pose(y=ramp(t, -1.15, 0.15))


def covering(t: Times) -> tuple[Pose, ...]:
    return Pose(), Pose(x=ramp(t, 1.1, 0), width=1.8, height=1.8)


def putting_behind(t: Times) -> tuple[Pose, ...]:
    return Pose(x=ramp(t, -1.1, 0.5)), Pose(x=0.5, width=1.8, height=1.8)


def pushing_right(t: Times) -> tuple[Pose, ...]:
    """A narrow, tall object on the left pushes the other object to the right."""
    x = ramp(t, -0.65, 0.65)
    return Pose(x=x - 0.45, width=0.5, height=1.7), Pose(x=x + 0.4)
