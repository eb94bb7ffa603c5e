"""The blocks of timm's ViTs and ResNets, and of the small CLIP's tower, which is timm's as well.

timm has no public function for what precedes a ViT's blocks, so this module calls `_pos_embed`.
tests/model/towers/test_blocks.py compares the parts with the whole towers.
Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

from typing import Any

from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from spm.builtin_clip.model.conv import ConvTower
from spm.model.towers.blocks import Blocks
from spm.model.towers.timm_maps import maps_of


def blocks_of(visual: nn.Module) -> Blocks | None:
    """The layout of the tower; None for a tower of another kind.

    Subclasses are of another kind, since they compute something else between the blocks.
    """
    if type(visual) is VisionTransformer:
        return _vit(visual)
    if type(visual) is ResNet:
        return _RESNET
    if type(visual) is ConvTower:
        return _CONV
    return None


def _vit(visual: VisionTransformer) -> Blocks:
    return Blocks(
        stem=_vit_stem,
        names=tuple(f"blocks.{number}" for number in range(len(visual.blocks))),
        pool=_vit_pool,
        maps=_vit_maps,
        after=("norm", "attn_pool", "fc_norm", "head_drop", "head"),
    )


def _vit_stem(visual: Any, images: Tensor) -> Tensor:
    """Tokens [B, prefix + H·W, C]; the prefix is the class token and registers."""
    tokens = visual._pos_embed(visual.patch_embed(images))
    found: Tensor = visual.norm_pre(visual.patch_drop(tokens))
    return found


def _vit_pool(visual: Any, tokens: Tensor) -> Tensor:
    return _pooled(visual, visual.norm(tokens))


def _vit_maps(visual: Any, tokens: Tensor) -> Tensor:
    return maps_of(visual, visual.norm(tokens))


def _resnet_stem(visual: Any, images: Tensor) -> Tensor:
    """[B, C, H, W]."""
    found: Tensor = visual.maxpool(visual.act1(visual.bn1(visual.conv1(images))))
    return found


def _conv_stem(visual: Any, images: Tensor) -> Tensor:
    """[B, C, H, W]; the first layer."""
    found: Tensor = visual.stages[0](images)
    return found


def _pooled(visual: Any, features: Tensor) -> Tensor:
    """The result of timm's `forward_features` -> [B, C]."""
    found: Tensor = visual.forward_head(features)
    return found


_RESNET = Blocks(
    stem=_resnet_stem,
    names=("layer1", "layer2", "layer3", "layer4"),
    pool=_pooled,
    maps=maps_of,
    after=("global_pool", "fc"),
)
_CONV = Blocks(
    stem=_conv_stem,
    names=("stages.1", "stages.2", "stages.3"),
    pool=_pooled,
    maps=maps_of,
    after=("global_pool", "head"),
)
