"""Visual towers of open_clip's models, without their text towers."""

from torch import Tensor, nn

from spm.config.backbone import BackboneConfig
from spm.model.clip_models import describe, image_size
from spm.model.towers import timm_tower
from spm.model.towers.tower import Tower
from spm.model.weight_facts import CLIP_MEAN, CLIP_STD


def build(config: BackboneConfig) -> Tower:
    """Raises ConfigError for a name that open_clip does not have."""
    description = describe(config.name)
    # open_clip builds whole models only; this builder of its is the one way to a visual tower
    # without its text tower. tests/model/test_backbone.py holds it to what create_model builds.
    from open_clip.model import _build_vision_tower

    channels = description["embed_dim"]
    quick_gelu = description.get("quick_gelu", False)
    visual = _build_vision_tower(channels, description["vision_cfg"], quick_gelu)
    return Tower(
        visual,
        maps=maps,
        channels=channels,
        image_size=image_size(config),
        mean=CLIP_MEAN,
        std=CLIP_STD,
    )


def maps(visual: nn.Module, images: Tensor) -> Tensor:
    """Of a ResNet what its attention pools; of a ViT the patch tokens that its last block gives.

    open_clip takes some towers from timm: of those what timm's own have.
    """
    trunk = getattr(visual, "trunk", None)
    if trunk is not None:
        return timm_tower.maps(trunk, images)
    stages = visual.forward_intermediates(images, indices=1, intermediates_only=True)  # type: ignore[operator]
    last: Tensor = stages["image_intermediates"][-1]
    return last
