"""Parameters under dotted names: `model.padm` is the key `padm` of the section `model`."""

from collections.abc import Mapping
from functools import reduce
from operator import getitem
from typing import Any

_VALUES = {"dataset.class_texts", "dataset.split"}  # mappings that are one parameter's value


def flatten(values: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """{"model": {"padm": True}} -> {"model.padm": True}. Dotted keys stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and value and name not in _VALUES
        flat |= flatten(value, prefix=f"{name}.") if nested else {name: value}
    return flat


def place_of(name: str, *, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The section of `document` that holds the parameter `name`, and its key there."""
    *parents, key = name.split(".")
    return reduce(getitem, parents, document), key
