"""Setting parameters by their dotted names; errors suggest the nearest name."""

import copy
from collections.abc import Iterable
from typing import Any

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.dotted import flatten, place_of
from spm.config.model import METHOD, method_names, method_values


def apply(document: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of params.yaml's content with dotted names set.

    If `overrides` change `model.method`, the section first becomes the new method's initial values.
    Raises ConfigError for a name that is no parameter of the result.
    """
    changed = copy.deepcopy(document)
    method = overrides.get(METHOD, method_of(document))
    if method != method_of(document):
        changed["model"] = method_values(method)
    known = flatten(changed)
    for name, value in overrides.items():
        if name not in known:
            raise _of_another_method(name, method) or unknown(
                name, known, where="override", kind="a parameter"
            )
        section, key = place_of(name, document=changed)
        section[key] = copy.deepcopy(value)
    return changed


def method_of(document: dict[str, Any]) -> str:
    """`model.method` of params.yaml's content. Raises ConfigError if it is missing."""
    section = document.get("model")
    if not isinstance(section, dict) or "method" not in section:
        raise ConfigError(f"{METHOD} is missing; there are: {', '.join(method_names())}")
    return str(section["method"])


def unknown(name: str, known: Iterable[str], *, where: str, kind: str) -> ConfigError:
    """The error for a name that is not in `known`, with the nearest name that is."""
    names = list(known)
    hint = nearest(name, names, otherwise=f"There are: {', '.join(names)}")
    return ConfigError(f"{where} {name!r} is not {kind}.{hint}")


def _of_another_method(name: str, method: str) -> ConfigError | None:
    """The error for a parameter of another method; None if no method has it."""
    key = name.removeprefix("model.")
    owners = [each for each in method_names() if key in method_values(each)]
    if key == name or not owners:
        return None
    return ConfigError(
        f"{name} is a parameter of {' and '.join(owners)}, and {METHOD} is {method}: "
        f"`clip-spm preset {owners[0]}` sets the section to {owners[0]}'s values"
    )
