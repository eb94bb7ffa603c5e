"""Single frames with captions, from which the small CLIP is trained.

    (picture)      "a video of moving a striped red thing and something close to each other"

The frames have the objects and backgrounds of the built-in data sets: one to three objects at poses
drawn freely, no action and no time. A caption names some of the objects in one of several wordings.
Its verb is drawn freely as well, since a frame shows no action: "throwing something" may so stand
under any frame. No caption is the text of a class.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spm.motion.actions import Pose
from spm.motion.look import SIDE, draw_background, draw_object
from spm.motion.render import add_noise, paint
from spm.motion.things import THINGS, draw_thing

Frame = NDArray[np.uint8]
Floats = NDArray[np.floating]

_SOMETHING = "something"
_SHARE_OF_THINGS = 0.75
"""Share of the objects with a colour and a texture that captions name, as in `things`."""
_VERBS = (
    *("moving", "pushing", "pulling", "turning", "covering", "putting", "taking"),
    *("squeezing", "throwing", "holding", "showing", "lifting", "rolling"),
)
_WORDINGS = (
    *("{}", "{}", "a photo of {}", "a picture of {}", "a video of {}", "{}, an action"),
    *("a photo of action {}", "human action of {}", "look, the human is {}", "the man is {}"),
)
_ROWS, _COLUMNS = ("top", "", "bottom"), ("left", "", "right")
_CLOSE, _FAR = 0.28, 0.5
"""Distances in sides of the picture below and above which two objects are called close, far."""


class _Placed(NamedTuple):
    """An object of a frame, as a caption may name it."""

    words: str
    x: float
    """In sides of the picture, as y."""
    y: float


def draw_scene(rng: np.random.Generator) -> tuple[Frame, str]:
    """A frame [SIDE, SIDE, 3] RGB and its caption."""
    base = rng.uniform(80, 175, size=3)
    picture = draw_background(rng, base=base)[None].astype(np.float32)
    placed = [_draw_object(rng, picture, base=base) for _ in range(rng.integers(1, 4))]
    sd, seed = rng.uniform(3, 12), int(rng.integers(2**32))
    return add_noise(picture, sd=sd, seed=seed)[0], _caption(rng, placed)


def _draw_object(rng: np.random.Generator, picture: Floats, *, base: Floats) -> _Placed:
    """Paints an object on the picture [1, SIDE, SIDE, 3]."""
    x, y = rng.uniform(0.15, 0.85, size=2)
    width, height = rng.uniform(0.5, 2.0, size=2) if rng.random() < 0.4 else (1.0, 1.0)
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else 0.0
    if rng.random() < _SHARE_OF_THINGS:
        thing = THINGS[rng.integers(len(THINGS))]
        words, look = thing.words, draw_thing(rng, thing)
    else:
        words, look = _SOMETHING, draw_object(rng, base=base)
    paint(picture, look, Pose(SIDE * x, SIDE * y, width, height, angle))
    return _Placed(words, x, y)


def _caption(rng: np.random.Generator, placed: list[_Placed]) -> str:
    """A caption that is true of the objects."""
    order = [placed[index] for index in rng.permutation(len(placed))]
    first = order[0]
    said = first.words
    if len(order) > 1 and rng.random() < 0.5:
        said = f"{first.words} and {order[1].words}{_between(first, order[1])}"
    elif rng.random() < 0.4:
        said = f"{first.words} {_place(first)}"
    if rng.random() < 0.6:
        said = f"{rng.choice(_VERBS)} {said}"
    return str(rng.choice(_WORDINGS)).format(said)


def _place(of: _Placed) -> str:
    row, column = _ROWS[min(int(3 * of.y), 2)], _COLUMNS[min(int(3 * of.x), 2)]
    if row and column:
        return f"at the {row} {column} corner"
    return f"at the {row or column}" if row or column else "in the middle"


def _between(one: _Placed, other: _Placed) -> str:
    distance = np.hypot(one.x - other.x, one.y - other.y)
    if distance < _CLOSE:
        return " close to each other"
    return " far from each other" if distance > _FAR else ""
