"""Layouts of a data set's folder in which the top folders are not the classes.

mine/class/clip.mp4           as it should be
mine/train/class/clip.mp4     splits: right for dataset.split: folders
mine/train/clip.mp4           splits without classes
mine/videos/class/clip.mp4    wrapped: one folder too many
mine/clip.mp4                 loose: no folders
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

_SPLIT = re.compile(
    r"(meta[-_ ]?)?(?P<name>train|training|val|valid|validation|eval|evaluation|dev|development|"
    r"test|testing)"
    r"([-_ ]?(set|split|data|videos?|clips?|[0-9]+))?",
    re.IGNORECASE,
)
_SHOWN = 3


class Layout(NamedTuple):
    kind: Literal["splits", "splits without classes", "wrapped", "loose"]
    says: str
    """What the folder holds: "the folders test and train, with …"."""
    inside: str = ""
    """For `splits` and `wrapped`: the folder, or the first one, that contains class folders."""


def split_of(folder: str) -> str:
    """The split that a folder of this name holds; "" if the name names no split.

    >>> split_of("Training"), split_of("val_256"), split_of("testing the water")
    ('train', 'val', '')
    """
    found = _SPLIT.fullmatch(folder)
    if found is None:
        return ""
    name = found["name"].lower()
    return next((split for split in ("train", "test") if name.startswith(split)), "val")


def look(paths: Collection[str]) -> Layout | None:
    """The layout of a folder with clips at `paths`; None if its top folders may be classes."""
    places = [place.split("/") for place in {path.rpartition("/")[0] for path in paths}]
    folders = sorted({place[0] for place in places} - {""})
    if paths and not folders:
        return Layout("loose", f"{len(paths)} clips in no folder, such as {min(paths)}")
    deep = [place for place in places if len(place) > 1]
    if _are_splits(folders):
        return _splits([folder for folder in folders if split_of(folder)], deep=deep)
    inner = sorted({place[1] for place in deep})
    if len(folders) == 1 and len(inner) > 1:
        says = f"one folder, {folders[0]}, with all the others in it ({_some(inner)})"
        return Layout("wrapped", says, folders[0])
    return None


def _are_splits(folders: Collection[str]) -> bool:
    """Whether the folders name at least two splits, and more than half of them name one."""
    named = [split_of(folder) for folder in folders if split_of(folder)]
    return len(set(named)) > 1 and len(folders) - len(named) < len(named)


def _splits(folders: list[str], *, deep: list[list[str]]) -> Layout:
    inside = sorted({f"{first}/{second}" for first, second, *_ in deep if first in folders})
    held = f"the folders {_some(folders)}"
    if inside:
        says = f"{held}, with class folders in them ({_some(inside)})"
        return Layout("splits", says, inside[0].partition("/")[0])
    return Layout("splits without classes", f"{held}, with clips in them and no class folders")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
