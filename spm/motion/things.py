"""The built-in data set `things`: what a class is about can be seen, but one clip does not say it.

    moving_something_down  ×  a striped red thing  ->  moving_a_striped_red_thing_down

A class is an action of `motion` and the thing that it is done with, of a colour and a texture. The
colours are in two halves. Beside its thing each clip shows a bystander, a thing of the other half
that drifts: one example cannot say which of the two is meant, and the class's text can. The classes
for validation and test are about things of the first half alone, so that the bystander of a query
is never what another class of its episode is about.
"""

import zlib
from typing import NamedTuple

import numpy as np

from spm.base.arrays import Frames
from spm.motion.classes import ACTIONS
from spm.motion.look import SIDE, Floats, Look, Nuisance, draw_nuisance
from spm.motion.render import render
from spm.motion.shapes import SHAPES

_Colours = dict[str, tuple[int, int, int]]
_FIRST_HALF: _Colours = {
    "red": (205, 45, 40),
    "yellow": (230, 210, 50),
    "blue": (45, 80, 205),
    "white": (240, 240, 240),
}
_SECOND_HALF: _Colours = {
    "green": (50, 165, 60),
    "orange": (240, 135, 35),
    "purple": (150, 60, 185),
    "black": (25, 25, 25),
}
COLOURS = _FIRST_HALF | _SECOND_HALF
"""Name -> RGB."""
TEXTURES = ("plain", "striped", "dotted")


class Thing(NamedTuple):
    """What a class says of its thing. Shape and size vary from clip to clip."""

    colour: str
    texture: str

    @property
    def words(self) -> str:
        """As texts name it: "a red thing", "an orange thing", "a striped orange thing"."""
        adjectives = self.colour if self.texture == "plain" else f"{self.texture} {self.colour}"
        return f"{'an' if adjectives[0] in 'aeiou' else 'a'} {adjectives} thing"


def _things_of(colours: _Colours) -> list[Thing]:
    return [Thing(colour, texture) for texture in TEXTURES for colour in colours]


THINGS = _things_of(COLOURS)


class ThingClass(NamedTuple):
    """A class of `things`."""

    action: str
    thing: Thing

    @property
    def name(self) -> str:
        """The class folder: the action's name with the thing in place of the first "something"."""
        return self.action.replace("something", self.thing.words.replace(" ", "_"), 1)


_HELD_OUT = (
    # for validation
    "folding_something",
    "moving_something_away_from_something",
    "moving_something_closer_to_something",
    "moving_something_down_and_back_up",
    "squeezing_something_and_letting_go",
    "unfolding_something",
    # for test
    "moving_something_and_something_away_from_each_other",
    "moving_something_and_something_closer_to_each_other",
    "moving_something_and_something_so_they_collide_with_each_other",
    "moving_something_away_from_the_camera",
    "moving_something_down",
    "moving_something_in_a_circle_clockwise",
    "moving_something_in_a_circle_counterclockwise",
    "moving_something_towards_the_camera",
    "moving_something_up",
    "moving_something_up_and_back_down",
    "putting_something_onto_something",
    "taking_something_off_something",
)
"""The actions that data/splits/things.yaml keeps for validation and test, as motion.yaml does. Each
goes with one thing, and no two of the test's with the same."""
_EACH_TRAINED = 5
"""Number of things for each other action."""


def _classes() -> list[ThingClass]:
    """All classes. Things are dealt in turn, every seventh, so that an action's are unlike."""
    trained = sorted(ACTIONS.keys() - set(_HELD_OUT))
    first_half = _things_of(_FIRST_HALF)
    return [
        ThingClass(action, THINGS[7 * (_EACH_TRAINED * number + place) % len(THINGS)])
        for number, action in enumerate(trained)
        for place in range(_EACH_TRAINED)
    ] + [
        ThingClass(action, first_half[number % len(first_half)])
        for number, action in enumerate(_HELD_OUT)
    ]


CLASSES: dict[str, ThingClass] = {each.name: each for each in sorted(_classes())}
"""Name -> class."""


def render_clip(name: str, *, seed: int, number: int) -> Frames:
    """Clip `number` of class `name`: [F, SIDE, SIDE, 3] RGB. A pure function of its arguments."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    return render(CLASSES[name].action, draw_clip(rng, CLASSES[name]))


def draw_clip(rng: np.random.Generator, about: ThingClass) -> Nuisance:
    """All that varies from clip to clip of a class: as in `motion`, but for the objects."""
    others = _things_of(_SECOND_HALF if about.thing.colour in _FIRST_HALF else _FIRST_HALF)
    other, bystander = (others[index] for index in rng.integers(len(others), size=2))
    objects = draw_thing(rng, about.thing), draw_thing(rng, other)
    return draw_nuisance(rng)._replace(
        objects=_in_the_order_of_poses(about.action, *objects),
        distractor=draw_thing(rng, bystander),
        distractor_path=_path(rng),
    )


def draw_thing(rng: np.random.Generator, thing: Thing) -> Look:
    """An object that is `thing`, of any shape."""
    colour = np.clip(COLOURS[thing.colour] + rng.uniform(-18, 18, size=3), 0, 255)
    pattern = 0.4 * colour + 150 if thing.colour == "black" else 0.3 * colour
    return Look(
        shape=str(rng.choice(list(SHAPES))),
        radius=SIDE * rng.uniform(0.105, 0.135),
        angle=rng.uniform(-0.4, 0.4),
        colours=np.stack([colour, pattern]),
        texture=thing.texture,
        phase=rng.uniform(0, 2 * np.pi),
    )


def _in_the_order_of_poses(action: str, thing: Look, other: Look) -> tuple[Look, Look]:
    """The looks of an action's objects, the one in front last; an action of one takes the first."""
    if "pieces" in action:
        return thing, thing
    is_of_two = len(ACTIONS[action](np.zeros(1))) == 2
    # What is covered, or put behind something, is not in front.
    is_in_front = is_of_two and not ("cover" in action or "behind" in action)
    return (other, thing) if is_in_front else (thing, other)


def _path(rng: np.random.Generator) -> Floats:
    """A drift that begins on a ring around the middle of the picture, through the action."""
    direction = rng.uniform(0, 2 * np.pi)
    ring = rng.uniform(0.13, 0.34) * np.array([np.cos(direction), np.sin(direction)])
    start = SIDE * (0.5 + ring)
    return np.stack([start, start + SIDE * rng.uniform(-0.21, 0.21, size=2)])
