"""Builds visual towers of timm: its models without their classifiers.

Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig
from spm.model.towers.timm_blocks import blocks_of
from spm.model.towers.timm_maps import at_places, maps_of
from spm.model.towers.timm_models import describe, model_of, stated_size
from spm.model.towers.tower import Tower


def build(config: BackboneConfig) -> Tower:
    """The tower; its features are the pooled input of the model's classifier.

    Raises ConfigError for an unknown name, a size that the model cannot take, or a model that does
    not pool.
    """
    about = describe(config.name)
    visual = _create(config, about)
    return Tower(
        visual,
        maps=maps,
        blocks=blocks_of(visual),
        channels=visual.head_hidden_size,
        image_size=image_size(config),
        mean=tuple(about.mean),
        std=tuple(about.std),
    )


def image_size(config: BackboneConfig) -> int:
    """As timm_models.stated_size, after trying the size on the model. Raises as `build`."""
    about = describe(config.name)
    visual, image = _without_numbers(config)
    with torch.no_grad(), _refusing(config, about):
        features = visual(image)
    if tuple(features.shape) != (1, visual.head_hidden_size):
        raise ConfigError(
            f"backbone.name: {config.name} makes {list(features.shape[1:])} of a frame, and not "
            f"one feature of {visual.head_hidden_size} channels: take another model"
        )
    return stated_size(config, about)


def gives_maps(config: BackboneConfig) -> bool:
    """Whether the model has feature maps. Raises as `build`."""
    visual, image = _without_numbers(config)
    with torch.no_grad(), _refusing(config, describe(config.name)):
        return at_places(visual, visual.forward_features(image)) is not None


def maps(visual: nn.Module, images: Tensor) -> Tensor:
    """[B, C, H, W]: the input of the model's pooling; for a ViT the normed last patch tokens.

    Raises ConfigError for a model without feature maps.
    """
    return maps_of(visual, visual.forward_features(images))  # type: ignore[operator]


def _without_numbers(config: BackboneConfig) -> tuple[Any, Tensor]:
    """The model and an image [1, 3, side, side] on torch's meta device: shapes without values."""
    about = describe(config.name)
    size = stated_size(config, about)
    with torch.device("meta"):
        return _create(config, about).eval(), torch.zeros(1, 3, size, size)


def _create(config: BackboneConfig, about: Any) -> Any:
    """timm's model. Only a model with a fixed input size is told the size."""
    import timm

    size = stated_size(config, about)
    sized: dict[str, Any] = {"img_size": size} if about.fixed_input_size else {}
    with _refusing(config, about):
        visual = timm.create_model(model_of(config.name), num_classes=0, **sized)
        patch = getattr(getattr(visual, "patch_embed", None), "patch_size", None)
        if about.fixed_input_size and patch and size % max(patch):
            raise ValueError(f"its patches are of {max(patch)} pixels")
    return visual


@contextmanager
def _refusing(config: BackboneConfig, about: Any) -> Iterator[None]:
    """Turns timm's exceptions about a size that the model cannot take into ConfigError."""
    try:
        yield
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"backbone.image_size = {stated_size(config, about)}: {config.name} cannot take it "
            f"({why}); its own is {about.input_size[-1]} (or null)"
        ) from error
