"""The base of all sections of params.yaml: strict types, no unknown keys, errors that help.

Each section is one small class in a file of its own beside this one, so that a stage depends only
on the sections that it reads. Nothing here knows YAML: a section is validated from a plain dict.
"""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from spm.base.errors import ConfigError
from spm.config.problems import explain, nameless, no_section

SectionType = TypeVar("SectionType", bound="Section")


class Section(BaseModel):
    """A section of params.yaml: immutable, strictly typed, closed, its numbers finite."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @classmethod
    def of(cls, values: dict[str, Any], *, name: str) -> "type[Section]":
        """The class that validates `values`: this class; for a section whose keys depend on one of
        its values (spm.config.model), another class. Raises ConfigError if that value is wrong."""
        return cls


def validate(section: type[SectionType], values: Any, *, name: str) -> SectionType:
    """The section `name`, checked. Raises ConfigError that lists every problem, one per line."""
    if not isinstance(values, dict):
        raise ConfigError(no_section(section, values, name=name))
    if wrong := [key for key in values if not isinstance(key, str)]:
        raise ConfigError(nameless(wrong[0], section=name))
    chosen: Any = section.of(values, name=name)
    try:
        found: SectionType = chosen.model_validate(values)
    except ValidationError as error:
        lines = explain(chosen, error.errors(), name=name)
        raise ConfigError("\n".join(lines)) from None
    return found
