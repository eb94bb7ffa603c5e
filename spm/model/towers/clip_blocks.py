"""The blocks of open_clip's visual towers: ViTs, ResNets, and those that it takes from timm.

open_clip has no public functions for what precedes and follows a ViT's blocks, so this module calls
`_embeds` and `_pool`. tests/model/towers/test_blocks.py compares the parts with the whole towers.
Shapes: `B` frames, `C` channels, `H`, `W` positions of a map.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from einops import rearrange
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from spm.model.towers import timm_blocks
from spm.model.towers.blocks import Blocks, Part


def blocks_of(visual: nn.Module) -> Blocks | None:
    """The layout of the tower; None for a tower of another kind."""
    if type(visual) is VisionTransformer:
        return _vit(visual)
    if type(visual) is ModifiedResNet:
        return _RESNET
    if type(visual) is TimmModel:
        return _of_timm(visual)
    return None


def _vit(visual: VisionTransformer) -> Blocks:
    number_of_blocks = len(visual.transformer.resblocks)
    return Blocks(
        stem=_vit_stem,
        names=tuple(f"transformer.resblocks.{number}" for number in range(number_of_blocks)),
        pool=_vit_pool,
        maps=_vit_maps,
        after=("attn_pool", "attn_pool_contrastive", "ln_post", "proj"),
    )


def _vit_stem(visual: Any, images: Tensor) -> Tensor:
    """Tokens [B, 1 + H·W, C]; the first is the class token."""
    tokens: Tensor = visual._embeds(images)
    return tokens


def _vit_pool(visual: Any, tokens: Tensor) -> Tensor:
    pooled: Tensor = visual._pool(tokens)[0]
    return pooled if visual.proj is None else pooled @ visual.proj


def _vit_maps(visual: Any, tokens: Tensor) -> Tensor:
    """The patch tokens [B, 1 + H·W, C], without the class token, at their places."""
    height = visual.grid_size[0]
    return rearrange(tokens[:, 1:], "b (h w) c -> b c h w", h=height).contiguous()


def _resnet_stem(visual: Any, images: Tensor) -> Tensor:
    """[B, C, H, W]."""
    found: Tensor = visual.stem(images)
    return found


def _resnet_pool(visual: Any, maps: Tensor) -> Tensor:
    pooled: Tensor = visual.attnpool(maps)
    return pooled


def _resnet_maps(_: nn.Module, maps: Tensor) -> Tensor:
    return maps


_RESNET = Blocks(
    stem=_resnet_stem,
    names=("layer1", "layer2", "layer3", "layer4"),
    pool=_resnet_pool,
    maps=_resnet_maps,
    after=("attnpool",),
)


def _of_timm(visual: TimmModel) -> Blocks | None:
    """The blocks of the model of timm, and open_clip's own layers after it."""
    inner = timm_blocks.blocks_of(visual.trunk)
    if inner is None:
        return None
    return replace(
        inner,
        stem=partial(_in_trunk, inner.stem),
        names=_names_in_trunk(inner.names),
        pool=partial(_trunk_and_head, inner.pool),
        maps=partial(_in_trunk, inner.maps),
        after=(*_names_in_trunk(inner.after), "head"),
    )


def _in_trunk(part: Part, visual: Any, values: Tensor) -> Tensor:
    return part(visual.trunk, values)


def _trunk_and_head(pool: Part, visual: Any, values: Tensor) -> Tensor:
    features: Tensor = visual.head(pool(visual.trunk, values))
    return features


def _names_in_trunk(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"trunk.{name}" for name in names)
