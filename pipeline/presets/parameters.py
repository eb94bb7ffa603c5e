"""Setting parameters by their dotted names; errors suggest the nearest name."""

import copy
from collections.abc import Iterable
from typing import Any

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.dotted import flatten, place_of
from spm.config.model import METHOD, method_values, no_method_named, owners


def apply(document: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of params.yaml's content with dotted names set.

    If `overrides` name a `model.method`, and the section holds another method's values, it first
    becomes that method's initial values. Raises ConfigError for a name that is no parameter of the
    result.
    """
    changed = copy.deepcopy(document)
    method = overrides.get(METHOD)
    if method is not None and not is_section_of(method, document):
        changed["model"] = method_values(method)
    known = flatten(changed)
    for name, value in overrides.items():
        if name not in known:
            raise _of_another_method(name, document=changed) or unknown(
                name, known, where="override", kind="a parameter"
            )
        section, key = place_of(name, document=changed)
        section[key] = copy.deepcopy(value)
    return changed


def is_section_of(method: str, document: dict[str, Any]) -> bool:
    """Whether the section `model` of params.yaml's content has the keys of the method's section."""
    section = document.get("model")
    return isinstance(section, dict) and section.keys() == method_values(method).keys()


def dataset_of(document: dict[str, Any]) -> str:
    """The benchmark of params.yaml's content, or else the name of its data set."""
    section = document.get("dataset")
    given = section if isinstance(section, dict) else {}
    return str(given.get("benchmark") or given.get("name", ""))


def method_of(document: dict[str, Any]) -> str:
    """`model.method` of params.yaml's content. Raises ConfigError if it is missing."""
    section = document.get("model")
    if not isinstance(section, dict) or "method" not in section:
        raise ConfigError(no_method_named("model"))
    return str(section["method"])


def unknown(name: str, known: Iterable[str], *, where: str, kind: str) -> ConfigError:
    """The error for a name that is not in `known`, with the nearest name that is."""
    names = list(known)
    hint = nearest(name, names, otherwise=f"There are: {', '.join(names)}")
    return ConfigError(f"{where} {name!r} is not {kind}.{hint}")


def _of_another_method(name: str, *, document: dict[str, Any]) -> ConfigError | None:
    """The error for a parameter of another method; None if no method has it."""
    key, method = name.removeprefix("model."), method_of(document)
    others = owners(key)
    if key == name or not others or method in others:
        return None
    return ConfigError(
        f"{name} is a parameter of {' and '.join(others)}, and {METHOD} is {method}: "
        f"`clip-spm preset {others[0]}` sets the section to {others[0]}'s values"
    )
