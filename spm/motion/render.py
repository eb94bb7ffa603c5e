"""Rendering one clip of `motion` from a class and a seed.

frames = render_clip(name, seed=0, number=3)      # [F, SIDE, SIDE, 3] uint8, RGB
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spm.base.arrays import Frames
from spm.motion.actions import Pose
from spm.motion.classes import ACTIONS
from spm.motion.look import SIDE, Look, Nuisance, draw_nuisance, times
from spm.motion.shapes import SHAPES
from spm.motion.textures import TEXTURES

Floats = NDArray[np.floating[Any]]

_STRETCH = np.float32(1.2)
"""Objects are wider than high, so that a turn shows on every shape."""
_ROWS, _COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float32) + np.float32(0.5)


def render_clip(name: str, *, seed: int, number: int) -> Frames:
    """Clip `number` of class `name`: [F, SIDE, SIDE, 3] RGB. A pure function of its arguments."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    return render(name, draw_nuisance(rng))


def render(name: str, nuisance: Nuisance) -> Frames:
    """Action `name` with the given look: [F, SIDE, SIDE, 3] RGB."""
    frames = np.empty((nuisance.num_frames, SIDE, SIDE, 3), dtype=np.float32)
    frames[:] = nuisance.background
    paint(frames, nuisance.distractor, _drift(nuisance))
    for pose, look in zip(ACTIONS[name](times(nuisance)), nuisance.objects, strict=False):
        paint(frames, look, _in_pixels(pose, nuisance))
    return add_noise(frames, sd=nuisance.noise, seed=nuisance.noise_seed)


def _drift(nuisance: Nuisance) -> Pose:
    clock = np.linspace(0, 1, nuisance.num_frames)
    start, end = nuisance.distractor_path
    return Pose(x=start[0] + (end - start)[0] * clock, y=start[1] + (end - start)[1] * clock)


def _in_pixels(pose: Pose, nuisance: Nuisance) -> Pose:
    x, y = nuisance.centre
    return pose._replace(x=x + nuisance.reach * pose.x, y=y + nuisance.reach * pose.y)


def paint(frames: Floats, look: Look, pose: Pose) -> None:
    """Draws one object over the frames [F, SIDE, SIDE, 3], its edge smoothed over one pixel.

    x and y of the pose are in pixels.
    """
    u, v = _own_coordinates(look, pose, num_frames=len(frames))
    size = _column(look.radius * np.minimum(pose.width, pose.height), num_frames=len(frames))
    cover = np.clip((1 - SHAPES[look.shape](u, v)) * size + 0.5, 0, 1)
    second = TEXTURES[look.texture](u, v, look.phase)
    colours = look.colours.astype(np.float32)
    for channel in range(3):
        colour = (1 - second) * colours[0, channel] + second * colours[1, channel]
        frames[..., channel] += cover * (colour - frames[..., channel])


def _own_coordinates(look: Look, pose: Pose, *, num_frames: int) -> tuple[Floats, Floats]:
    """Each pixel's u and v, coordinates in the object's own radii: two of [F, SIDE, SIDE]."""
    x, y, width, height, angle = (_column(value, num_frames=num_frames) for value in pose)
    cos, sin = np.cos(angle + np.float32(look.angle)), np.sin(angle + np.float32(look.angle))
    right, down = _COLUMNS - x, _ROWS - y
    radius = np.float32(look.radius)
    u = (cos * right + sin * down) / (radius * _STRETCH * width)
    v = (cos * down - sin * right) / (radius / _STRETCH * height)
    return u, v


def _column(value: Floats | float, *, num_frames: int) -> Floats:
    """One number per frame, [F, 1, 1]."""
    return np.broadcast_to(np.asarray(value, dtype=np.float32), num_frames).reshape(-1, 1, 1)


def add_noise(frames: Floats, *, sd: float, seed: int) -> Frames:
    """The frames [F, SIDE, SIDE, 3] with grey noise of standard deviation `sd`, as bytes."""
    noise = np.random.default_rng(seed).standard_normal(frames.shape[:3], dtype=np.float32)
    frames += np.float32(sd) * noise[..., None]
    return np.clip(frames, 0, 255).astype(np.uint8)
