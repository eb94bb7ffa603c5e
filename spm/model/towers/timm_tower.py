"""Visual towers of timm: its models without their classifiers.

Shapes: `B` frames, `C` channels, `H`, `W` places of a map.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from einops import rearrange
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.config.backbone import BackboneConfig
from spm.model.towers.timm_models import describe, model_of, stated_size
from spm.model.towers.tower import Tower


def build(config: BackboneConfig) -> Tower:
    """Features are what the model's classifier would take, pooled as the model pools.

    Raises ConfigError for a name that timm does not have, a size that the model cannot take, or a
    model that does not pool.
    """
    about = describe(config.name)
    visual = _create(config, about)
    return Tower(
        visual,
        maps=maps,
        channels=visual.head_hidden_size,
        image_size=image_size(config),
        mean=tuple(about.mean),
        std=tuple(about.std),
    )


def image_size(config: BackboneConfig) -> int:
    """Side of the model's frames, its own unless the parameters state one. Raises as `build`."""
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
    """Whether the model has features at places of a frame. Raises as `build`."""
    visual, image = _without_numbers(config)
    with torch.no_grad(), _refusing(config, describe(config.name)):
        return _at_places(visual, visual.forward_features(image)) is not None


def maps(visual: nn.Module, images: Tensor) -> Tensor:
    """[B, C, H, W]: what the model pools. Of a ViT the patch tokens after its last norm.

    Raises ConfigError for a model that has no features at places.
    """
    found = _at_places(visual, visual.forward_features(images))  # type: ignore[operator]
    if found is None:
        raise ConfigError(
            f"backbone.name: {type(visual).__name__} of timm gives no feature maps: take another "
            "model, or a method that needs frames alone"
        )
    return found


def _at_places(visual: nn.Module, features: Any) -> Tensor | None:
    """[B, C, H, W], of [B, C, H, W], [B, H, W, C] or tokens [B, prefix + H·W, C] with H = W > 1."""
    ndim = features.ndim if isinstance(features, Tensor) else 0
    found: Tensor | None = features if ndim == 4 else None
    if ndim == 4 and getattr(visual, "output_fmt", "NCHW") == "NHWC":
        found = rearrange(features, "b h w c -> b c h w")
    if ndim == 3:
        patches = features[:, _prefix(visual) :]
        side = math.isqrt(patches.shape[1])
        if side > 1 and side * side == patches.shape[1]:
            found = rearrange(patches, "b (h w) c -> b c h w", h=side)
    return found


def _prefix(visual: nn.Module) -> int:
    """Tokens that stand before those of patches: of the class, registers."""
    return cast(int, getattr(visual, "num_prefix_tokens", 0))


def _without_numbers(config: BackboneConfig) -> tuple[Any, Tensor]:
    """The model and an image [1, 3, side, side] that have shapes alone: what fits costs nothing."""
    about = describe(config.name)
    size = stated_size(config, about)
    with torch.device("meta"):
        return _create(config, about).eval(), torch.zeros(1, 3, size, size)


def _create(config: BackboneConfig, about: Any) -> Any:
    """Models that are made for one size are told which; others take any."""
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
    """Whatever timm says of a size that a model cannot take becomes a ConfigError."""
    try:
        yield
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            f"backbone.image_size = {stated_size(config, about)}: {config.name} cannot take it "
            f"({why}); its own is {about.input_size[-1]} (or null)"
        ) from error
