"""Pydantic's errors about a section, in the words of the file that the section was read from.

    split: str | DrawnSplit          split: {seed: 0, trian: 30, val: 6, test: 12}

pydantic's `loc`                     our line
split, str                           none: a mapping is no attempt at a string
split, DrawnSplit, train             split.train is missing
split, DrawnSplit, trian             split.trian is not a parameter. Did you mean 'train'?

    hsmr: "yes"                      hsmr = 'yes': must be true or false, without quotes
"""

import math
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from spm.base.nearest import nearest

Keys = tuple[int | str, ...]


def explain(section: type[BaseModel], problems: Sequence[ErrorDetails], *, name: str) -> list[str]:
    """A line for each problem of the section `name`.

    Of a union, only the type that the value is an attempt at is mentioned, if there is one.
    """
    places = [_place(section, problem["loc"]) for problem in problems]
    pairs = list(zip(problems, places, strict=True))
    attempts = [place.keys for problem, place in pairs if not _is_other_kind(problem, place)]
    lines = [
        _line(problem, place, name=name)
        for problem, place in pairs
        if not _is_other_kind(problem, place)
    ]
    none_meant = {
        place.keys: problem["input"]
        for problem, place in pairs
        if _is_other_kind(problem, place)
        and not any(keys[: len(place.keys)] == place.keys for keys in attempts)
    }
    for keys, value in none_meant.items():
        wanted = [
            _wanted(problem, place)
            for problem, place in pairs
            if place.keys == keys and _is_other_kind(problem, place)
        ]
        lines.append(f"{_dotted(name, keys)} = {value!r}: must be {', or '.join(wanted)}")
    return lines


def no_section(section: type[BaseModel], value: Any, *, name: str) -> str:
    """The line for a value that is not a mapping."""
    keys = ", ".join(section.model_fields)
    return f"{name}: expected a section with the keys {keys}; got {value!r}"


def nameless(key: Any, *, section: str) -> str:
    """The line for a key that is no text: a number, a date, or null."""
    return (
        f"{section}: the name {key!r} is not text: write it in quotes, as {str(key)!r}, or remove "
        "the line"
    )


class _Place(NamedTuple):
    keys: Keys
    """The keys as they stand in the file."""
    section: type[BaseModel]
    """The innermost section that contains the keys."""
    is_member: bool
    """Whether `loc` ends with a type of a union."""


def _place(section: type[BaseModel], loc: Keys) -> _Place:
    """Follows `loc` through fields, items, values and unions; for a union, `loc` names the type."""
    keys: Keys = ()
    kind: Any = section
    is_member = False
    for part in loc:
        members = _members(kind)
        is_member = bool(members)
        if is_member:
            kind = next((each for each in members if _tag(each) == part), None)
        elif not _is_section(kind) and not get_args(kind):
            break  # a mapping's wrong key: `loc` goes on with `[key]`
        else:
            keys, kind = (*keys, part), _below(kind, part)
        section = kind if _is_section(kind) else section
    return _Place(keys, section, is_member)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _members(kind: Any) -> list[Any]:
    """The types of a union but NoneType, which `loc` never names; [] if `kind` is no union."""
    if get_origin(kind) not in (Union, UnionType):
        return []
    return [each for each in get_args(kind) if each is not NoneType]


def _tag(member: Any) -> str:
    """Pydantic's name in `loc` for a type of a union: DrawnSplit, str, list[int]."""
    return member.__name__ if isinstance(member, type) else str(member)


def _below(kind: Any, part: int | str) -> Any:
    """The type of a section's field, a list's item or a mapping's value; None: no such field."""
    if _is_section(kind):
        field = kind.model_fields.get(part)
        found = field.annotation if field else None
    else:
        found = get_args(kind)[-1]
    members = _members(found)
    return members[0] if len(members) == 1 else found


def _is_other_kind(problem: ErrorDetails, place: _Place) -> bool:
    """Whether the value has the wrong type for this member of a union, so that another may be
    meant."""
    return place.is_member and problem["type"].endswith("_type")


def _dotted(name: str, keys: Keys) -> str:
    return ".".join([name, *map(str, keys)])


def _line(problem: ErrorDetails, place: _Place, *, name: str) -> str:
    where = _dotted(name, place.keys)
    if "[key]" in problem["loc"] or problem["type"] == "invalid_key":
        return nameless(problem["input"], section=_dotted(name, place.keys[:-1]))
    if problem["type"] == "extra_forbidden":
        fields = place.section.model_fields
        hint = nearest(str(place.keys[-1]), fields, otherwise=f"There are: {', '.join(fields)}")
        return f"{where} is not a parameter.{hint}"
    if problem["type"] == "missing":
        return f"{where} is missing"
    if problem["type"] == "model_type":
        return no_section(place.section, problem["input"], name=where)
    if problem["type"] == "value_error":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
    if problem["type"] in _WANTED:
        said = f"must be {_wanted(problem, place)}{_hint(problem)}"
    else:  # pydantic's words, for a number that is too small, say
        said = problem["msg"].replace("Input should be", "must be")
    return f"{where} = {problem['input']!r}: {said}"


_WANTED = {
    "bool_type": "true or false, without quotes",
    "int_type": "a whole number, without quotes",
    "float_type": "a number, without quotes",
    "finite_number": "a finite number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "names and their values",
}
"""Pydantic's type of an error -> what must stand in the file."""


def _wanted(problem: ErrorDetails, place: _Place) -> str:
    """What must stand in place of a value of another type."""
    if problem["type"] == "model_type":
        return f"a section with the keys {', '.join(place.section.model_fields)}"
    return _WANTED.get(problem["type"], problem["msg"].removeprefix("Input should be "))


def _hint(problem: ErrorDetails) -> str:
    """How the value is written in the type that it must have; "" if that cannot be told."""
    value, kind = problem["input"], problem["type"]
    if kind == "string_type":
        return ": put it in quotes" if isinstance(value, int | float) else ""
    if kind not in ("int_type", "float_type", "bool_type"):
        return ""
    meant = _meant(str(value), whole=kind == "int_type", truth=kind == "bool_type")
    return f", as {meant}" if meant else ""


_TRUTHS = dict.fromkeys(("yes", "on", "true", "1"), "true") | dict.fromkeys(
    ("no", "off", "false", "0"), "false"
)


def _meant(text: str, *, whole: bool, truth: bool) -> str:
    """The value that `text` probably means: 5 for "5.0", 0.05 for "5%", true for "yes"; else ""."""
    if truth:
        return _TRUTHS.get(text.strip().lower(), "")
    try:
        number = float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        return ""
    if not math.isfinite(number) or (whole and not number.is_integer()):
        return ""
    return str(int(number)) if whole else f"{number:g}"
