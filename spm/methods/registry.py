"""Builds a method by its name, and fills a method from the checkpoint that its authors published.

The method NAME is the folder spm/methods/NAME; spm.methods.base lists the folder's files.
"""

import traceback
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spm.base.errors import ConfigError, DataError
from spm.config.method_folders import check_imports
from spm.config.model import (
    ModelConfig,
    method_config,
    method_file,
    method_names,
    read_values,
    too_few_frames,
)

if TYPE_CHECKING:  # importing this module must not import torch
    from torch import Size, Tensor

    from spm.methods.base import Method


def build(
    name: str,
    *,
    channels: int,
    num_frames: int,
    train_classes: int | None = None,
    map_size: int | None = None,
    **values: Any,
) -> "Method":
    """Method `name` with the values of its values.yaml, overridden by `values`.

    The weights are random, from the value `seed`.

        head = spm.methods.build("otam", channels=512, num_frames=8, otam_lambda=0.5)
        logits = head.classify(EpisodeFeatures(support, labels, query, None, num_classes=5))

    channels: C of the features. map_size: H = W of feature maps, for a method that needs maps.
    train_classes: number of training classes, for a method with parameters for each class. Raises
    ConfigError for an unknown method, an unknown parameter, a value that is not allowed, and for
    fewer frames than the method needs.
    """
    for key in ("method", "init_from"):
        if key in values:
            raise ConfigError(f"{key} = {values[key]!r}: a method is built by its name, and random")
    if channels < 1 or num_frames < 1:
        raise ConfigError(
            f"channels = {channels}, num_frames = {num_frames}: both must be 1 or more"
        )
    config = read_values(name, **values)
    return build_method(
        config,
        channels=channels,
        num_frames=num_frames,
        train_classes=train_classes,
        map_size=map_size,
    )


def build_method(
    config: ModelConfig,
    *,
    channels: int,
    num_frames: int,
    train_classes: int | None = None,
    map_size: int | None = None,
) -> "Method":
    """As `build`, from the validated section `model`. The caller's random state stays as it is."""
    import torch

    if said := too_few_frames(config, num_frames=num_frames):
        raise ConfigError(said)
    module = _module(config.method)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        method: Method = module.build(
            config,
            channels=channels,
            num_frames=num_frames,
            train_classes=train_classes,
            map_size=map_size,
        )
    return method


def _module(name: str) -> ModuleType:
    """method.py of method `name`. Raises ConfigError if it imports what it may not, or fails."""
    path = method_file(name, "method.py")
    check_imports(path.parent)
    try:
        module = import_module(f"spm.methods.{name}.method")
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"spm/methods/{name}/method.py cannot be imported: {type(error).__name__}: {error} "
            f"({Path(at.filename).name}, line {at.lineno}): mend it, or choose another model.method"
        ) from error
    if not callable(getattr(module, "build", None)):
        raise ConfigError(
            f"spm/methods/{name}/method.py has no function `build`, which makes the method from "
            "the section `model`: docs/methods.md shows one"
        )
    return module


def has_parameters(config: ModelConfig) -> bool:
    """Whether the method with these values has parameters to train. Some have them by a switch.

    It is built without numbers, for the shortest clips that it takes: sizes do not matter.
    """
    import torch

    frames = config.needs.num_frames
    with torch.device("meta"):
        method = build_method(config, channels=8, num_frames=frames, train_classes=2)
    return any(True for _ in method.parameters())


def baselines() -> list[ModelConfig]:
    """The sections of the baselines, the methods that `evaluate` measures beside every model."""
    return [read_values(name) for name in method_names() if method_config(name).baseline]


def load_released(head: "Method", state: Mapping[str, "Tensor"]) -> None:
    """Fills `head` from the checkpoint of its authors. `state`: tensors by the authors' names.

    Tensors that `head` does not have are ignored if their names begin with one of
    `head.released_other_prefixes` or match one of `head.released_unused`. Raises DataError with the
    number of tensors that are unknown, missing or of another shape.
    """
    from spm.base.state_dicts import misfit, unwrapped

    layout = released_layout(head)
    given = {
        name: value
        for name, value in unwrapped(state).items()
        if name in layout or not _is_ignored(name, head)
    }
    if said := misfit(given, {theirs: shape for theirs, (_, shape) in layout.items()}):
        raise DataError(f"the checkpoint does not fit {type(head).__name__}: {said}")
    head.load_state_dict({ours: given[theirs] for theirs, (ours, _) in layout.items()})


def _is_ignored(name: str, head: "Method") -> bool:
    return name.startswith(head.released_other_prefixes) or any(
        fnmatchcase(name, pattern) for pattern in head.released_unused
    )


def released_layout(head: "Method") -> dict[str, tuple[str, "Size"]]:
    """The authors' name of each tensor of `head` -> our name of the tensor, and its shape."""
    return {
        head.released_name(name): (name, value.shape) for name, value in head.state_dict().items()
    }
