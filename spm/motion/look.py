"""The look of a clip of `motion`, whatever the clip's class.

Everything here is drawn from one distribution for all classes, with two objects even for an action
of one, so that only the poses tell the class. RGB colours are in [0, 255]. The clips of `things`
have other objects (spm.motion.things).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spm.motion.shapes import SHAPES

SIDE = 80
"""Side of the square picture in pixels."""
FRAMES_PER_SECOND = 12
SHORTEST, LONGEST = 24, 48
"""Number of frames of a clip: 2 to 4 seconds."""

Floats = NDArray[np.floating[Any]]


class Look(NamedTuple):
    """The shape, size and surface of one object."""

    shape: str
    radius: float
    """Pixels."""
    angle: float
    """Radians, clockwise, in addition to the pose's."""
    colours: Floats
    """[2, 3]: RGB of the object's first and of its second colour."""
    texture: str = "halves"
    """A texture of spm.motion.textures: where the object has which colour."""
    phase: float = 0.0
    """Where the texture begins, in radians."""


class Nuisance(NamedTuple):
    """All that varies from clip to clip and says nothing about the class."""

    num_frames: int
    hold: tuple[float, float]
    """Shares of the clip before the action begins, and after the action has ended."""
    warp: float
    """In [-1, 1]: the action is faster at first (positive) or later (negative)."""
    reach: float
    """Number of pixels that a pose's 1.0 stands for."""
    centre: Floats
    """[2]: x, y in pixels."""
    background: Floats
    """[SIDE, SIDE, 3]."""
    objects: tuple[Look, Look]
    distractor: Look
    distractor_path: Floats
    """[2, 2]: x, y in pixels at the start and at the end."""
    noise: float
    """Standard deviation of the pixels."""
    noise_seed: int


def draw_nuisance(rng: np.random.Generator) -> Nuisance:
    """Draws the nuisance of one clip."""
    base = rng.uniform(80, 175, size=3)
    return Nuisance(
        num_frames=int(rng.integers(SHORTEST, LONGEST, endpoint=True)),
        hold=(rng.uniform(0, 0.2), rng.uniform(0, 0.2)),
        warp=rng.uniform(-0.5, 0.5),
        reach=SIDE * rng.uniform(0.18, 0.25),
        centre=SIDE * (0.5 + rng.uniform(-0.08, 0.08, size=2)),
        background=draw_background(rng, base=base),
        objects=(draw_object(rng, base=base), draw_object(rng, base=base)),
        distractor=_distractor(rng, base=base),
        distractor_path=_distractor_path(rng),
        noise=rng.uniform(3, 12),
        noise_seed=int(rng.integers(2**32)),
    )


def times(nuisance: Nuisance) -> Floats:
    """The action's time at each frame, [F] in [0, 1]."""
    before, after = nuisance.hold
    clock = np.linspace(0, 1, nuisance.num_frames)
    t = np.clip((clock - before) / (1 - before - after), 0, 1)
    return t + nuisance.warp * t * (1 - t)


def draw_object(rng: np.random.Generator, *, base: Floats) -> Look:
    """An object that contrasts with the background, brighter or darker than it equally often."""
    offset = rng.choice([-1, 1]) * rng.uniform(60, 90) + rng.uniform(-35, 35, size=3)
    first = base + offset
    second = base + offset * rng.uniform(0.9, 1.5) + rng.uniform(-30, 30, size=3)
    return Look(
        shape=str(rng.choice(list(SHAPES))),
        radius=SIDE * rng.uniform(0.105, 0.13),
        angle=rng.uniform(-0.4, 0.4),
        colours=np.clip([first, second], 0, 255),
    )


def _distractor(rng: np.random.Generator, *, base: Floats) -> Look:
    colour = np.clip(base + rng.choice([-1, 1], size=3) * rng.uniform(25, 45), 0, 255)
    return Look(
        shape=str(rng.choice(list(SHAPES))),
        radius=SIDE * rng.uniform(0.055, 0.08),
        angle=rng.uniform(0, 2 * np.pi),
        colours=np.stack([colour, colour]),
    )


def _distractor_path(rng: np.random.Generator) -> Floats:
    """A drift that begins on a ring around the middle of the picture and crosses the action."""
    direction = rng.uniform(0, 2 * np.pi)
    start = SIDE * (0.5 + rng.uniform(0.2, 0.4) * np.array([np.cos(direction), np.sin(direction)]))
    return np.stack([start, start + SIDE * rng.uniform(-0.25, 0.25, size=2)])


def draw_background(rng: np.random.Generator, *, base: Floats) -> Floats:
    """A few crossing waves of a random colour around `base`, [SIDE, SIDE, 3]."""
    pixel = np.arange(SIDE)
    texture = np.zeros((SIDE, SIDE))
    for _ in range(3):
        frequency = rng.uniform(-0.7, 0.7, size=2)
        phase = rng.uniform(0, 2 * np.pi)
        texture += np.sin(frequency[0] * pixel[:, None] + frequency[1] * pixel + phase)
    tint = rng.uniform(-14, 14, size=3)
    return np.clip(base + texture[..., None] * tint, 0, 255)
