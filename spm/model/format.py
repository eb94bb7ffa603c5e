"""Model folders of earlier versions: config.json's format number, and the keys that came with each.

    format 0    has no number: what was saved before there was one, at any time
    format 1    the first number
    format 2    `model` says its method; the ensemble over templates belongs to `prompts`

A new parameter in a section that config.json holds (backbone, model, frames, prompts) needs a row
in ADDED: the next number, and the value that says what the code did before the parameter was there.
Saved models then load as what they are.
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
}
"""Format -> the keys that it added, each with the value in effect before."""
MOVED: dict[int, dict[str, str]] = {2: {"model.text_ensemble": "prompts.text_ensemble"}}
"""Format -> the keys that have another place in it: where they stood, and where they stand."""
FORMAT = max(ADDED)
"""What is written now."""
KEY = "format"


def as_today(values: dict[str, Any], *, name: str) -> dict[str, Any]:
    """What config.json would hold had this version written it; its format number left out.

    A key that its own format has is never filled in. Raises DataError for a number that this
    version does not know.
    """
    values = copy.deepcopy(values)
    found = _known(values.pop(KEY, 0), name=name)
    for number, added in ADDED.items():
        if number > found:
            for key, value in added.items():
                _fill(values, key, value)
            for before, now in MOVED.get(number, {}).items():
                _move(values, before, now)
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


def _fill(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Where the key is missing. A section that is missing or none is left to be refused."""
    section, key = _section(values, dotted)
    if section is not None:
        section.setdefault(key, value)


def _move(values: dict[str, Any], before: str, now: str) -> None:
    """Where the key stands in its old place. A section that is none is left to be refused."""
    section, key = _section(values, before)
    if section is not None and key in section:
        _fill(values, now, section.pop(key))


def _section(values: dict[str, Any], dotted: str) -> tuple[dict[str, Any] | None, str]:
    """The mapping that a dotted key stands in, None where there is none, and its name there."""
    *sections, key = dotted.split(".")
    found: Any = values
    for section in sections:
        found = found.get(section) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None, key
