"""Setting parameters by their dotted names, naming the nearest."""

import copy
from collections.abc import Iterable
from typing import Any

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.dotted import flatten, place_of


def apply(document: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of params.yaml's content with dotted names set. Raises ConfigError for a new name."""
    changed = copy.deepcopy(document)
    known = flatten(document)
    for name, value in overrides.items():
        if name not in known:
            raise unknown(name, known, where="override", kind="a parameter")
        section, key = place_of(name, document=changed)
        section[key] = copy.deepcopy(value)
    return changed


def unknown(name: str, known: Iterable[str], *, where: str, kind: str) -> ConfigError:
    """The error for a name that is none of `known`, with the nearest of them."""
    names = list(known)
    hint = nearest(name, names, otherwise=f"There are: {', '.join(names)}")
    return ConfigError(f"{where} {name!r} is not {kind}.{hint}")
