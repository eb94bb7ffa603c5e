"""Reads timm's descriptions of its models.

timm/resnet50.tv_in1k       backbone.name
     resnet50               the architecture
              tv_in1k       the tag: names the training, and so mean, std and weights
"""

import difflib
from typing import Any

from spm.base.errors import ConfigError
from spm.config.backbone import TIMM, BackboneConfig


def describe(name: str) -> Any:
    """timm's PretrainedCfg of `backbone.name`: input_size, mean, std, classifier, hf_hub_id, …

    Raises ConfigError for an unknown name (the error lists similar names), or a name without a tag
    (the error lists the tags): timm's default tag may change with its version.
    """
    import timm
    from timm.models import get_arch_pretrained_cfgs

    model = model_of(name)
    architecture = model.partition(".")[0]
    described = get_arch_pretrained_cfgs(architecture)
    if not described:
        raise ConfigError(
            f"backbone.name: {name!r} is no model of timm; near it: "
            f"{_near(model, timm.list_models() + timm.list_pretrained())} "
            "(timm.list_pretrained() has all)"
        )
    if model not in described:
        raise ConfigError(
            f"backbone.name: {name!r} needs one of timm's tags, which say what the model was "
            "trained on: "
            f"{', '.join(f'{TIMM}{each}' for each in sorted(described))}"
        )
    return described[model]


def model_of(name: str) -> str:
    """timm's own name of the model: `backbone.name` without the prefix."""
    return name.removeprefix(TIMM)


def stated_size(backbone: BackboneConfig, about: Any) -> int:
    """Side of the model's frames in pixels: `backbone.image_size`, or else the model's own.

    Raises ConfigError for a model whose frames are not square, or a size below its minimum.
    """
    _, height, width = about.input_size
    if height != width:
        raise ConfigError(
            f"backbone.name: {backbone.name} takes frames of {height}×{width} pixels, and only "
            "square ones are cut here: take another model"
        )
    least = max(about.min_input_size[1:]) if about.min_input_size else 0
    if backbone.image_size is not None and backbone.image_size < least:
        raise ConfigError(
            f"backbone.image_size = {backbone.image_size}: {backbone.name} takes {least} or more "
            f"(null: {height}, its own)"
        )
    return int(backbone.image_size or height)


def _near(model: str, names: list[str]) -> str:
    close = difflib.get_close_matches(model, names, n=3)
    return ", ".join(f"{TIMM}{each}" for each in close) or "none"
