"""Reads model folders of earlier versions: the formats of config.json, and the keys each one added.

    format 0    config.json without a format number, from before there were numbers
    format 1    the first format with a number
    format 2    `model` names its method; the ensemble over templates moved to `prompts`
    format 3    `prompts` names the control of the texts; the tower `conv` is gone, and with it
                `backbone.embed_dim`, which was its own
    format 4    `backbone` names the part of the tower that training leaves as it is
    format 5    the method `zero_shot_text` is called `zero_shot`

A new parameter in a section of config.json (backbone, model, frames, prompts) needs a row in ADDED:
the next format number, and the value that reproduces the behaviour before the parameter existed.
Models saved earlier then compute the same as before.
"""

import copy
from typing import Any

from spm.base.errors import DataError

ADDED: dict[int, dict[str, Any]] = {
    1: {
        "backbone.precision": "float32",
        "frames.keep_aspect": True,
        "frames.short_clips": "repeat",
        "model.learn_lambda3": False,
        "selection": "validation",
    },
    2: {
        "model.method": "clip_spm",
        "train_classes": None,
    },
    3: {"prompts.control": "none"},
    4: {"backbone.frozen": False, "backbone.train_last": None},
}
"""Format -> the keys that it added, each with the value that older formats imply."""
MOVED: dict[int, dict[str, str]] = {2: {"model.text_ensemble": "prompts.text_ensemble"}}
"""Format -> the keys that it moved: old place -> new place."""
REMOVED: dict[int, tuple[str, ...]] = {3: ("backbone.embed_dim",)}
"""Format -> the keys that it removed. They were null for every tower that there still is."""
RENAMED: dict[int, dict[str, dict[str, str]]] = {
    5: {"model.method": {"zero_shot_text": "zero_shot"}},
}
"""Format -> key -> the values that it calls otherwise: old -> new."""
FORMAT = max(*ADDED, *MOVED, *REMOVED, *RENAMED)
"""The format that this version writes."""
KEY = "format"


def as_today(values: dict[str, Any], *, name: str) -> dict[str, Any]:
    """The values of config.json in the current format, without the format number.

    Only keys that are newer than the file's format are filled in. Raises DataError for a format
    number that this version does not know, or a model with the tower `conv`.
    """
    values = copy.deepcopy(values)
    found = _known(values.pop(KEY, 0), name=name)
    _check_tower(values, name=name)
    for number in sorted({*ADDED, *MOVED, *REMOVED, *RENAMED}):
        if number > found:
            for key, value in ADDED.get(number, {}).items():
                _fill(values, key, value)
            for before, now in MOVED.get(number, {}).items():
                _move(values, before, now)
            for key in REMOVED.get(number, ()):
                _remove(values, key)
            for key, names in RENAMED.get(number, {}).items():
                _rename(values, key, names)
    return values


def _known(number: Any, *, name: str) -> int:
    if type(number) is not int or number < 0:
        raise DataError(f"{name}: {KEY} = {number!r}, must be a whole number from 0 to {FORMAT}")
    if number > FORMAT:
        raise DataError(
            f"{name} has format {number}, and this version reads formats up to {FORMAT}: a newer "
            "version saved it, so load it with that one"
        )
    return number


def _check_tower(values: dict[str, Any], *, name: str) -> None:
    section, key = _section(values, "backbone.name")
    if section is not None and section.get(key) == "conv":
        raise DataError(
            f"{name} has the tower 'conv', which is gone: load the model with the version that "
            "saved it, or train it again with backbone.name: builtin-clip"
        )


def _fill(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Adds the key if it is missing. A missing or invalid section is left for validation."""
    section, key = _section(values, dotted)
    if section is not None:
        section.setdefault(key, value)


def _move(values: dict[str, Any], before: str, now: str) -> None:
    """Moves the key if it is in its old place. An invalid section is left for validation."""
    section, key = _section(values, before)
    if section is not None and key in section:
        _fill(values, now, section.pop(key))


def _remove(values: dict[str, Any], dotted: str) -> None:
    """Removes the key if it is null. Any other value is left for validation."""
    section, key = _section(values, dotted)
    if section is not None and section.get(key, "") is None:
        del section[key]


def _rename(values: dict[str, Any], dotted: str, names: dict[str, str]) -> None:
    section, key = _section(values, dotted)
    if section is not None and isinstance(section.get(key), str):
        section[key] = names.get(section[key], section[key])


def _section(values: dict[str, Any], dotted: str) -> tuple[dict[str, Any] | None, str]:
    """The mapping that holds the last part of a dotted key (None: no mapping), and this part."""
    *sections, key = dotted.split(".")
    found: Any = values
    for section in sections:
        found = found.get(section) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None, key
