"""What every section of params.yaml has in common: strict types, no unknown keys, errors that help.

Each section is one small class in a file of its own beside this one, so that a stage depends only
on the sections that it reads. Nothing here knows YAML: a section is validated from a plain dict.
"""

import difflib
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from spm.errors import ConfigError

SectionType = TypeVar("SectionType", bound="Section")


class Section(BaseModel):
    """A section of params.yaml: immutable, strictly typed, closed."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


def validate(section: type[SectionType], values: Any, *, name: str) -> SectionType:
    """The section `name`, checked. Raises ConfigError that lists every problem, one a line."""
    if not isinstance(values, dict):
        allowed = ", ".join(section.model_fields)
        raise ConfigError(f"{name}: expected a section with the keys {allowed}; got {values!r}")
    try:
        return section.model_validate(values)
    except ValidationError as error:
        lines = [_explain(section, name, problem) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _explain(section: type[Section], name: str, problem: ErrorDetails) -> str:
    location = [part for part in problem["loc"] if isinstance(part, int) or part.isidentifier()]
    where = ".".join([name, *map(str, location)])
    if problem["type"] == "extra_forbidden":
        return f"{where} is not a parameter. {_nearest(section, location, name)}"
    if problem["type"] == "missing":
        return f"{where} is missing: add it to params.yaml"
    if problem["type"] == "value_error":
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{where} = {problem['input']!r}: {problem['msg']}"


def _nearest(section: type[BaseModel], location: list[Any], name: str) -> str:
    """The valid key that is closest to the unknown one, or all of them where none is close."""
    *parents, unknown = location
    for parent in parents:
        nested = section.model_fields[parent].annotation if parent in section.model_fields else None
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            section = nested
    prefix = ".".join([name, *map(str, parents)])
    close = difflib.get_close_matches(str(unknown), section.model_fields, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {prefix}.{close[0]}?"
    return f"{prefix} takes: {', '.join(section.model_fields)}"
