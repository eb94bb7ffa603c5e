"""Setting params.yaml to a preset of values, and showing what changed.

The preset's values are set; everything else stays as it is, comments and layout included. The
preset `motion` has every key of the other presets, so it undoes them. A method's preset, and the
option `method`, replace the section `model`.
"""

import difflib
from pathlib import Path
from typing import Any

from pipeline.machine.places import check_project
from pipeline.presets.load_preset import PRESETS, load_preset, preset_names
from pipeline.presets.parameters import apply, dataset_of, method_of
from pipeline.presets.released_training import released_training
from pipeline.presets.yaml_text import with_values
from spm.base.atomic import atomic_path
from spm.base.errors import ConfigError
from spm.base.yaml_file import parse_yaml, read_yaml
from spm.config.base import validate
from spm.config.dotted import flatten
from spm.config.model import ModelConfig, method_names, method_values
from spm.config.sections import check_all, check_earlier

PARAMS = Path("params.yaml")
_VIEWS = 4
"""Random views of training clips, for a method that is trained on a frozen tower."""


def set_preset(
    name: str,
    *,
    shot: int | None = None,
    backbone: str | None = None,
    method: str | None = None,
    frozen: bool = False,
    as_released: bool = False,
    path: Path = PARAMS,
    presets: Path = PRESETS,
) -> str:
    """Sets `path` to the preset; returns the difference, "" if there is none.

    method: the method to set too, where the preset is none; frozen: freeze the tower, and train
    nothing where the method has no parameters; as_released: train with what the method's public
    release was trained with. Writes nothing and raises ConfigError for an unknown preset, for a
    preset with a key that is no parameter, and if the result would not be valid.
    """
    if not path.is_file():
        check_project(path.parent)
    document = read_yaml(path)
    check_earlier(document)
    values = load_preset(
        name,
        method=_method(name, method) or method_of(document),
        dataset=dataset_of(document),
        shot=shot,
        backbone=backbone,
        presets=presets,
    )
    if method is not None:
        values = flatten({"model": method_values(method)}) | values
    expected = apply(document, values)
    if as_released:
        values |= released_training(
            method_of(expected),
            dataset=dataset_of(expected),
            shot=expected["evaluate"]["shots"][0],
            backbone=expected["backbone"]["name"].removesuffix("-quickgelu"),
        )
        expected = apply(document, values)
    if frozen:
        values |= _of_a_frozen_tower(expected)
        expected = apply(document, values)
    check_all(expected)
    return _write(path, values, expected=expected, name=name)


def _write(path: Path, values: dict[str, Any], *, expected: dict[str, Any], name: str) -> str:
    """Sets `values` in the file, whose content is then `expected`; returns the difference."""
    before = path.read_text(encoding="utf-8")
    after = with_values(before, values)
    if parse_yaml(after, name=str(path)) != expected:
        raise ConfigError(
            f"{path}: the preset {name} cannot be written into its layout: write the section "
            "`model` as params.yaml has it in the repository, a key a line"
        )
    if after != before:
        with atomic_path(path) as temporary:
            temporary.write_text(after, encoding="utf-8")
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    named = f"{path} ({name})"
    return "".join(difflib.unified_diff(old, new, fromfile=str(path), tofile=named, n=0))


def _method(preset: str, method: str | None) -> str | None:
    """The method that the preset or the option names; None: neither does."""
    if method is None:
        return preset if preset in method_names() else None
    if method not in method_names():
        raise ConfigError(_no_method(method))
    if preset in method_names():
        raise ConfigError(f"{preset} is a method's preset: give one without --method {method}")
    return method


def _no_method(name: str) -> str:
    methods = ", ".join(method_names())
    if name in preset_names():
        return (
            f"{name} is a preset and no method, so it does not go with another preset: set one "
            f"after the other, or give a method in its place; methods: {methods}"
        )
    return f"there is no method {name!r}; methods: {methods}"


def _of_a_frozen_tower(document: dict[str, Any]) -> dict[str, Any]:
    """Dotted name -> value, for params.yaml's content otherwise complete."""
    from spm.methods.registry import has_parameters

    model = validate(ModelConfig, document["model"], name="model")
    values: dict[str, Any] = {"backbone.frozen": True, "backbone.train_last": None}
    if model.needs.pixels:  # training reads stored features in place of clips
        values |= flatten({"model": type(model).without_pixels})
    values["features.kind"] = "maps" if model.needs.features == "maps" else "vectors"
    if has_parameters(model):
        return values | {"features.views": _VIEWS}
    return values | {"features.views": 0, "train.episodes": 0}
