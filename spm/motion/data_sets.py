"""The built-in data sets: the names of their classes, and how their clips are rendered."""

from typing import NamedTuple, Protocol

from spm.base.arrays import Frames
from spm.motion import classes, render, things


class RenderClip(Protocol):
    """Clip `number` of a class: [F, SIDE, SIDE, 3] RGB. A pure function of its arguments."""

    def __call__(self, name: str, /, *, seed: int, number: int) -> Frames: ...


class DataSet(NamedTuple):
    """A data set that the stage `clips` generates."""

    classes: list[str]
    """Sorted."""
    render_clip: RenderClip


DATA_SETS = {
    "motion": DataSet(classes.CLASSES, render.render_clip),
    "things": DataSet(sorted(things.CLASSES), things.render_clip),
}
"""`dataset.name` -> data set."""
