"""Builds the visual towers of open_clip's models, without their text towers."""

from torch import Tensor, nn

from spm.config.backbone import BackboneConfig
from spm.model.clip_models import describe, image_size
from spm.model.towers import timm_tower
from spm.model.towers.tower import Tower
from spm.model.weight_facts import CLIP_MEAN, CLIP_STD


def build(config: BackboneConfig) -> Tower:
    """The visual tower with random weights. Raises ConfigError for an unknown name."""
    description = describe(config.name)
    # open_clip's public API builds whole models only; this private function builds a visual tower
    # alone. tests/model/test_backbone.py compares it with the tower of create_model.
    from spm.builtin_clip.model.registered import open_clip
    from spm.model.towers import clip_blocks

    channels = description["embed_dim"]
    quick_gelu = description.get("quick_gelu", False)
    visual = open_clip.model._build_vision_tower(channels, description["vision_cfg"], quick_gelu)
    return Tower(
        visual,
        maps=maps,
        blocks=clip_blocks.blocks_of(visual),
        channels=channels,
        image_size=image_size(config),
        mean=CLIP_MEAN,
        std=CLIP_STD,
    )


def maps(visual: nn.Module, images: Tensor) -> Tensor:
    """[B, C, H, W]: the input of a ResNet's attention pooling, or a ViT's last patch tokens.

    open_clip takes some towers from timm; spm.model.towers.timm_tower makes their maps.
    """
    trunk = getattr(visual, "trunk", None)
    if trunk is not None:
        return timm_tower.maps(trunk, images)
    stages = visual.forward_intermediates(images, indices=1, intermediates_only=True)  # type: ignore[operator]
    last: Tensor = stages["image_intermediates"][-1]
    return last
