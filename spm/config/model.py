"""`model`: the method, and the values that are its own.

    model:
      method: otam        # the folder spm/methods/otam
      init_from: null     # these three every method has
      seed: 0
      otam_lambda: 0.1    # and these are otam's: spm/methods/otam/config.py

Each method's `config.py` holds its section, and its `values.yaml` that section's values, with which
it starts. A method is found by its folder, so that adding one touches nothing here.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.base import Section, validate

_METHODS = Path(__file__).parent.parent / "methods"
VALUES = "values.yaml"
METHOD = "model.method"
"""The dotted name of the parameter that says whose values the section holds."""


class Needs(NamedTuple):
    """What a method takes of the tower."""

    features: Literal["frames", "maps"] = "frames"
    """One vector a frame, [C]; or the last stage's map, [C, H, W]."""
    text: bool = False
    """Whether it takes the classes' texts."""


class ModelConfig(Section):
    """What all methods' sections have in common. `validate` gives the section of the method."""

    title: ClassVar[str] = ""
    """What tables call the method."""
    short: ClassVar[str] = ""
    """What metrics.json calls its accuracy where it is a baseline."""
    baseline: ClassVar[bool] = False
    """Whether `evaluate` measures it beside every model, on the model's features."""

    without_effect: ClassVar[frozenset[str]] = frozenset({"init_from", "seed"})
    """Keys that only building or training reads: not what given weights make of clips and texts."""

    method: str
    """A folder of spm/methods."""
    init_from: str | None
    """A model folder whose weights to start from, with the values that stand here; null: from the
    backbone's weights."""
    seed: int = Field(ge=0)
    """Of the method's initial weights."""

    @property
    def needs(self) -> Needs:
        """What the method takes of the tower, with these values."""
        return Needs()

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """Term of the loss beside L_CE -> the parameter that weighs it, and its value."""
        return {}

    @classmethod
    def of(cls, values: dict[str, Any], *, name: str) -> type[Section]:
        """The section of the method that `values` name.

        Raises ConfigError for a method that is none, and for the values of another method.
        """
        if cls is not ModelConfig:
            return cls
        if "method" not in values:
            raise ConfigError(f"{name}.method is missing; there are: {', '.join(method_names())}")
        method = values["method"]
        if method not in method_names():
            raise ConfigError(_no_method(method, name=name))
        section = method_config(method)
        if others := _owners(values.keys() - section.model_fields.keys()):
            raise ConfigError(
                f"{name}.method is {method}, and the section holds values of {others}: "
                f"`clip-spm preset {method}` sets the section to {method}'s values; "
                f"or set {name}.method: {others}"
            )
        return section


@cache
def method_names() -> tuple[str, ...]:
    """All methods, sorted."""
    return tuple(sorted(path.parent.name for path in _METHODS.glob(f"*/{VALUES}")))


def method_config(name: str) -> type[ModelConfig]:
    """The class of the section of method `name`."""
    found: type[ModelConfig] = import_module(f"spm.methods.{name}.config").Config
    return found


def method_values(name: str) -> dict[str, Any]:
    """The section with which method `name` starts. Raises ConfigError for no method's name."""
    if name not in method_names():
        raise ConfigError(_no_method(name, name="model"))
    from spm.base.yaml_file import read_yaml  # a saved model is loaded without a YAML reader

    return read_yaml(method_file(name, VALUES))


def method_file(name: str, file: str) -> Path:
    """A file of method `name`: values.yaml, which all have; paper.yaml, datasets.yaml."""
    return _METHODS / name / file


def read_values(name: str, **changed: Any) -> ModelConfig:
    """The section of method `name` with its own values, but for `changed`. Raises ConfigError."""
    values = method_values(name)
    return validate(method_config(name), values | changed, name=name)


def _no_method(method: Any, *, name: str) -> str:
    hint = nearest(str(method), method_names(), otherwise=f"There are: {', '.join(method_names())}")
    return f"{name}.method = {method!r} is not a method.{hint}"


def _owners(keys: set[str]) -> str:
    """The method all whose values these are, or ""."""
    fields = ((name, method_config(name).model_fields) for name in method_names())
    return next((name for name, known in fields if keys and keys <= known.keys()), "")
