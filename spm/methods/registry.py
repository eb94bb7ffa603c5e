"""Methods by name: building one, and filling it from the checkpoint that its authors published.

A method is the folder spm/methods/NAME (spm.methods.base says what it holds).
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from spm.base.errors import DataError
from spm.config.model import ModelConfig, method_config, method_names, read_values

if TYPE_CHECKING:  # so that looking a method up imports no torch
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
    """Method `name` with its own values but for `values`, its weights random by their `seed`.

        head = spm.methods.build("otam", channels=512, num_frames=8, otam_lambda=0.5)
        logits = head.classify(EpisodeFeatures(support, labels, query, None, num_classes=5))

    channels: C of the features that it needs; map_size: places along a side of their maps, for a
    method that needs maps; train_classes: of the training split, for a method that learns one
    thing for each. Raises ConfigError for a name that is no method's, and for a value that is not
    allowed or of none of its parameters.
    """
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
    """As `build`, of a section that was read already."""
    module = import_module(f"spm.methods.{config.method}.method")
    method: Method = module.build(
        config,
        channels=channels,
        num_frames=num_frames,
        train_classes=train_classes,
        map_size=map_size,
    )
    return method


def baselines() -> list[ModelConfig]:
    """Sections of the methods that are measured beside every model."""
    return [read_values(name) for name in method_names() if method_config(name).baseline]


def load_released(head: "Method", state: Mapping[str, "Tensor"]) -> None:
    """Fills `head` from its authors' checkpoint: `state` has the tensors by their names.

    Tensors of the visual tower, and those that the release has no use for, are passed over. Raises
    DataError that counts the tensors which are unknown, missing or of another shape.
    """
    from spm.base.state_dicts import misfit, unwrapped

    given = {
        name: value
        for name, value in unwrapped(state).items()
        if not name.startswith(head.released_other_prefixes)
    }
    layout = released_layout(head)
    if said := misfit(given, {theirs: shape for theirs, (_, shape) in layout.items()}):
        raise DataError(f"the checkpoint does not fit {type(head).__name__}: {said}")
    head.load_state_dict({ours: given[theirs] for theirs, (ours, _) in layout.items()})


def released_layout(head: "Method") -> dict[str, tuple[str, "Size"]]:
    """What the authors call a tensor -> what it is called here, and its shape."""
    return {
        head.released_name(name): (name, value.shape) for name, value in head.state_dict().items()
    }
