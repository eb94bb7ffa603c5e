"""Feature maps of timm's models: the features before pooling, at their places in the image.

Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

import math
from typing import Any, cast

from einops import rearrange
from torch import Tensor, nn

from spm.base.errors import ConfigError


def maps_of(visual: nn.Module, features: Any) -> Tensor:
    """The result of timm's `forward_features` as a map [B, C, H, W].

    Raises ConfigError if the features are not spatial.
    """
    found = at_places(visual, features)
    if found is None:
        raise ConfigError(
            f"backbone.name: {type(visual).__name__} of timm gives no feature maps: take another "
            "model, or a method that needs frames alone"
        )
    return found


def at_places(visual: nn.Module, features: Any) -> Tensor | None:
    """As `maps_of`; None if the features are not spatial.

    Spatial features: [B, C, H, W], [B, H, W, C], or tokens [B, prefix + H·W, C] with H = W > 1.
    """
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
    """The number of tokens before the patch tokens: class token and registers."""
    return cast(int, getattr(visual, "num_prefix_tokens", 0))
