"""Builds `conv`, a small tower for the built-in clips that is trained from scratch."""

import itertools

from torch import Tensor, nn

from spm.config.backbone import BackboneConfig
from spm.model.towers.tower import Tower
from spm.model.weight_facts import CLIP_MEAN, CLIP_STD

_WIDTHS = (3, 16, 32, 64, 128)


def build(config: BackboneConfig) -> Tower:
    """The tower: four 3×3 stride-2 layers, then a linear layer over all positions."""
    assert config.embed_dim is not None
    assert config.image_size is not None
    layers: list[nn.Module] = []
    for in_channels, out_channels in itertools.pairwise(_WIDTHS):
        conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(out_channels), nn.ReLU()]
    side = -(-config.image_size // 16)
    linear = nn.Linear(_WIDTHS[-1] * side * side, config.embed_dim)
    return Tower(
        nn.Sequential(*layers, nn.Flatten(), linear),
        maps=maps,
        channels=config.embed_dim,
        image_size=config.image_size,
        mean=CLIP_MEAN,
        std=CLIP_STD,
    )


def maps(visual: nn.Module, images: Tensor) -> Tensor:
    """[B, 128, side, side]: the input of the linear layer; side = image side / 16."""
    assert isinstance(visual, nn.Sequential)
    before_flattening: Tensor = visual[:-2](images)
    return before_flattening
