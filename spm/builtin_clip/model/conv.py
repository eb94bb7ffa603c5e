"""The visual tower of the small CLIP, a model of timm: 3×3 layers of stride 2, and a linear layer.

    [B, 3, 56, 56] ─ 16 ─ 32 ─ 64 ─ [B, 128, 4, 4] ─ flatten ─ linear ─ [B, num_classes]

open_clip builds it by its name in timm, `builtin_clip_conv`, and takes the linear layer as CLIP's
projection. With `global_pool="avg"` the mean over positions takes the place of the flattening, and
images may have any size.
Shapes: `B` images, `C` channels, `H`, `W` positions.
"""

import itertools
from typing import Any

from timm.layers import SelectAdaptivePool2d
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE_SIZE = 56
WIDTHS = (16, 32, 64, 128)
_SIDE = -(-IMAGE_SIZE // 2 ** len(WIDTHS))

default_cfgs = generate_default_cfgs(
    {
        "builtin_clip_conv": {
            "input_size": (3, IMAGE_SIZE, IMAGE_SIZE),
            "pool_size": (_SIDE, _SIDE),
            "first_conv": "stages.0.conv",
            "classifier": "head",
        }
    }
)


class ConvTower(nn.Module):
    """[B, in_chans, H, W] -> [B, num_classes]; with num_classes = 0 the pooled features."""

    def __init__(self, *, num_classes: int, global_pool: str = "", in_chans: int = 3) -> None:
        super().__init__()
        widths = itertools.pairwise((in_chans, *WIDTHS))
        self.stages = nn.Sequential(*(_Layer(before, after) for before, after in widths))
        self.reset_classifier(num_classes, global_pool)

    @property
    def num_features(self) -> int:
        """Channels of the linear layer's input."""
        return WIDTHS[-1] * (1 if self.global_pool.pool_type else _SIDE**2)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new linear layer, and another pooling: "" flattens, None keeps the pooling."""
        self.num_classes = num_classes
        if global_pool is not None:
            self.global_pool = SelectAdaptivePool2d(pool_type=global_pool, flatten=True)
        linear = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()
        self.head = linear

    def forward_features(self, images: Tensor) -> Tensor:
        """[B, in_chans, H, W] -> [B, 128, H / 16, W / 16]."""
        features: Tensor = self.stages(images)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        """The result of forward_features -> [B, num_classes]."""
        logits: Tensor = self.head(self.global_pool(features))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(images))


class _Layer(nn.Module):
    """[B, C, H, W] -> [B, C', H / 2, W / 2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(features)))


def builtin_clip_conv(pretrained: bool = False, **options: Any) -> Any:
    """The model as timm.create_model makes it. The weights of a whole CLIP are loaded later."""
    return build_model_with_cfg(ConvTower, "builtin_clip_conv", pretrained, **options)


register_model(builtin_clip_conv)
