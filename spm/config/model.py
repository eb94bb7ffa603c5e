"""`model`: the method, and the method's own values.

    model:
      method: otam        # the folder spm/methods/otam
      init_from: null     # every method has method, init_from and seed
      seed: 0
      otam_lambda: 0.1    # otam's own value: spm/methods/otam/config.py

A method's `config.py` defines its section; its `values.yaml` holds the section's initial values.
Methods are found by their folders, so that adding a method changes nothing here.
"""

from collections.abc import Collection, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.config.base import Section, validate
from spm.config.method_folders import check_imports, check_name
from spm.config.seed import Seed

_METHODS = Path(__file__).parent.parent / "methods"
VALUES = "values.yaml"
METHOD = "model.method"
"""Dotted name of the parameter that names the method."""


class Needs(NamedTuple):
    """What a method uses of the tower and of the clips."""

    features: Literal["frames", "maps"] = "frames"
    """One vector a frame, [C]; or the last stage's map, [C, H, W]."""
    text: bool = False
    """Whether the method uses the classes' texts."""
    pixels: bool = False
    """Whether its training losses use the clips themselves."""
    num_frames: int = 1
    """The fewest frames of a clip."""
    num_frames_by: str = ""
    """Name of the parameter whose value `num_frames` follows from; "" if it is always the same."""


class Start(Section):
    """The part of `model` that encoding clips by a frozen tower reads."""

    model_config = ConfigDict(extra="ignore")

    init_from: str | None
    """A model folder whose weights to start from, with the values of this section; null: start from
    the backbone's weights."""


class ModelConfig(Start):
    """The keys that all methods' sections share. `validate` returns the method's own section."""

    title: ClassVar[str] = ""
    """The method's name in tables."""
    short: ClassVar[str] = ""
    """The name of the method's accuracy in metrics.json if the method is a baseline."""
    baseline: ClassVar[bool] = False
    """Whether `evaluate` measures this method, as a baseline, on the features of every model."""

    without_pixels: ClassVar[dict[str, Any]] = {}
    """The values with which training needs no pixels, for a method that `needs` them otherwise."""
    without_effect: ClassVar[frozenset[str]] = frozenset({"init_from", "seed"})
    """Keys that only building and training read: with given weights, they change no prediction."""

    model_config = ConfigDict(extra="forbid")

    method: str
    """Name of a folder of spm/methods."""
    seed: Seed
    """Seed of the method's initial weights."""

    @property
    def full_title(self) -> str:
        """`title` with the values that distinguish variants of the method in tables."""
        return self.title

    @property
    def needs(self) -> Needs:
        """What the method uses with these values."""
        return Needs()

    @property
    def weights(self) -> dict[str, tuple[str, float]]:
        """Term of the loss beside L_CE -> the parameter that weighs it, and its value."""
        return {}

    @classmethod
    def of(cls, values: dict[str, Any], *, name: str) -> type[Section]:
        """The section class of the method that `values` name.

        Raises ConfigError for an unknown method, for one that imports what it may not, and for the
        values of another method.
        """
        if cls is not ModelConfig:
            return cls
        if "method" not in values:
            raise ConfigError(no_method_named(name))
        method = values["method"]
        if method not in method_names():
            raise ConfigError(_no_method(method, name=name))
        check_imports(_METHODS / method)
        section = method_config(method)
        if said := _mixed(values.keys(), section, method=method):
            raise ConfigError(
                f"{name}.method is {method}, and the section {said}: `clip-spm preset {method}` "
                f"sets the section to {method}'s values"
            )
        return section


@cache
def method_names() -> tuple[str, ...]:
    """All methods, sorted. Raises ConfigError for a folder with a name that no method can have."""
    folders = sorted(path.parent for path in _METHODS.glob(f"*/{VALUES}"))
    for folder in folders:
        check_name(folder)
    return tuple(folder.name for folder in folders)


def method_config(name: str) -> type[ModelConfig]:
    """The class of the section of method `name`."""
    found: type[ModelConfig] = import_module(f"spm.methods.{name}.config").Config
    return found


def method_values(name: str) -> dict[str, Any]:
    """The initial values of method `name`'s section. Raises ConfigError for an unknown method."""
    if name not in method_names():
        raise ConfigError(_no_method(name, name="model"))
    from spm.base.yaml_file import read_yaml  # loading a saved model needs no YAML reader

    return read_yaml(method_file(name, VALUES))


def method_file(name: str, file: str) -> Path:
    """Path of a file of method `name`: values.yaml, which all have; paper.yaml, datasets.yaml."""
    return _METHODS / name / file


def owners(key: str) -> list[str]:
    """The methods that have the parameter `key`, which not every method has."""
    return [name for name in method_names() if key in _own(method_config(name))]


def no_method_named(section: str) -> str:
    """The error for a section without its key `method`."""
    return (
        f"{section}.method is missing; there are: {', '.join(method_names())}. "
        "`clip-spm preset clip_spm` writes the section anew"
    )


def read_values(name: str, **changed: Any) -> ModelConfig:
    """The section of method `name`: initial values with `changed` set. Raises ConfigError."""
    values = method_values(name)
    return validate(method_config(name), values | changed, name=name)


def too_few_frames(config: ModelConfig, *, num_frames: int) -> str:
    """Why the method with these values cannot take clips of T = `num_frames`; "" if it can."""
    fewest, by = config.needs.num_frames, config.needs.num_frames_by
    if num_frames >= fewest:
        return ""
    given = f" with model.{by} = {getattr(config, by)}" if by else ""
    remedy = f", or choose another model.{by}" if by else ""
    return (
        f"{config.method}{given} takes clips of {fewest} frames or more, and a clip has "
        f"{num_frames}: set frames.num_segments to {fewest} or more{remedy}"
    )


def _no_method(method: Any, *, name: str) -> str:
    there_are = f"There are: {', '.join(method_names())}"
    near = nearest(method, method_names(), otherwise=there_are) if isinstance(method, str) else ""
    return f"{name}.method = {method!r} is not a method.{near or f' {there_are}'}"


def _mixed(keys: Collection[str], section: type[ModelConfig], *, method: str) -> str:
    """How the keys of a section are another method's; "" if they are not."""
    own = _own(section)
    foreign = sorted(set(keys) - own - ModelConfig.model_fields.keys())
    if foreign and all(map(owners, foreign)):
        of_each = [set(owners(key)) for key in foreign]
        named = sorted(set.intersection(*of_each) or set.union(*of_each))
        return f"holds values of {' and '.join(named)} ({_first(foreign)})"
    if own and not own & set(keys):
        return f"holds none of {method}'s values ({_first(sorted(own))})"
    return ""


def _own(section: type[ModelConfig]) -> set[str]:
    """Keys that the section has beside those of every method."""
    return section.model_fields.keys() - ModelConfig.model_fields.keys()


def _first(keys: Sequence[str], *, shown: int = 3) -> str:
    return ", ".join(keys[:shown]) + (", …" if len(keys) > shown else "")
