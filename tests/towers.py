"""Small towers of every kind, by name, for tests: built from params.yaml's section."""

import torch

from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.model.backbone import Backbone, build_backbone
from stages.shared import params
from tests import tiny_clip

RESNET = "timm/test_resnet.r160_in1k"
VIT = "timm/test_vit.r160_in1k"
TINY_RESNET = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": [2, 1, 1, 1], "width": 16, "patch_size": None},
    "text_cfg": tiny_clip.CONFIG["text_cfg"],
}
"""A description of open_clip's: tests.tiny_clip.register makes it a model."""


def config(name: str, **changes) -> BackboneConfig:
    """Of random weights."""
    values = {"name": name, "weights": None, "image_size": None} | changes
    return BackboneConfig(**read_yaml(params.PARAMS)["backbone"] | values)


def tower(name: str, **changes) -> Backbone:
    """In evaluation mode."""
    return build_backbone(config(name, **changes)).eval()


def pixels(backbone: Backbone, *leading: int, seed: int = 0) -> torch.Tensor:
    """Noise, [*leading, side, side, 3] uint8."""
    side = backbone.image_size
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (*leading, side, side, 3), dtype=torch.uint8, generator=rng)
