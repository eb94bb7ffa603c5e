"""Towers cut before a block: the parts give the bits of the whole, and the tail is what is trained.

Weights are random; those that begin as zeros or ones are not, or a block could be left out unseen.
"""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.model import clip_models
from spm.model.backbone import Backbone, build_backbone
from spm.model.towers import table
from spm.model.towers.blocks import Blocks
from tests import tiny_clip
from tests.towers import RESNET, TINY_RESNET, VIT, config, pixels, tower

VISION = tiny_clip.CONFIG["vision_cfg"]
TIMM_VIT = {"timm_model_name": "test_vit", "timm_model_pretrained": False, "image_size": 160}


def _like_tiny_vit(**vision: Any) -> dict[str, Any]:
    return tiny_clip.CONFIG | {"vision_cfg": vision}


POOLED = VISION | {"attn_pooler_heads": 2, "attn_pooler_queries": 3}
MODELS = {
    "tiny-vit": tiny_clip.CONFIG,
    "tiny-mean": _like_tiny_vit(**VISION, pool_type="avg", final_ln_after_pool=True),
    "tiny-pooler": _like_tiny_vit(**POOLED, attentional_pool=True),
    "tiny-poolers": _like_tiny_vit(**POOLED, attentional_pool="parallel") | {"embed_dim": 64},
    "tiny-bare": _like_tiny_vit(**VISION | {"layers": 3}, no_ln_pre=True, ls_init_value=0.1),
    "tiny-rn": TINY_RESNET,
    "tiny-timm": _like_tiny_vit(**TIMM_VIT, timm_pool="token", timm_proj="mlp"),
}
"""Descriptions of open_clip's."""

REGISTERS = "timm/vit_small_patch14_reg4_dinov2.lvd142m"
SIDES = {
    VIT: 64,
    "timm/test_vit2.r160_in1k": 64,
    REGISTERS: 56,
    RESNET: 64,
    "timm/resnet10t.c3_in1k": 64,
    "timm/resnet18.tv_in1k": 64,
}
TOWERS = {
    "builtin-clip": 3,
    tiny_clip.CONV: 3,
    "tiny-vit": 2,
    "tiny-mean": 2,
    "tiny-pooler": 2,
    "tiny-poolers": 2,
    "tiny-bare": 3,
    "tiny-rn": 4,
    "tiny-timm": 6,
    VIT: 6,
    "timm/test_vit2.r160_in1k": 8,
    "timm/test_vit3.r160_in1k": 9,
    REGISTERS: 12,
    RESNET: 4,
    "timm/resnet10t.c3_in1k": 4,
    "timm/resnet18.tv_in1k": 4,
}
"""Name -> number of blocks."""
LARGE = {
    "RN50": 4,
    "ViT-B-32-quickgelu": 12,
    "ViT-B-16-SigLIP": 12,
    "timm/vit_base_patch16_clip_224.openai": 12,
}
ALL = [*TOWERS, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]
NUMBERS = TOWERS | LARGE


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch, tmp_path):
    tiny_clip.register(monkeypatch, tmp_path, MODELS)


def _tower(name: str) -> Backbone:
    """In evaluation mode; no weight is 0 or 1."""
    backbone = tower(name, image_size=SIDES.get(name))
    rng = torch.Generator().manual_seed(1)
    for name, value in backbone.visual.state_dict().items():
        if value.is_floating_point():
            noise = 0.02 * torch.randn(value.shape, generator=rng)
            value.add_(noise.abs() if name.endswith("running_var") else noise)
    return backbone


def _blocks(backbone: Backbone) -> Blocks:
    assert backbone._blocks is not None
    return backbone._blocks


def _cuts(name: str) -> list[int]:
    number = NUMBERS[name]
    return sorted({1, number // 2, number}) if name in LARGE else [*range(1, number + 1)]


@pytest.mark.parametrize("name", ALL)
def test_the_parts_give_the_bits_of_the_whole_at_every_cut(name):
    backbone = _tower(name)
    frames, visual, blocks = pixels(backbone, 2), backbone.visual, _blocks(backbone)
    images = backbone._images(frames)
    assert len(blocks.names) == NUMBERS[name]
    with torch.no_grad():
        features, maps = backbone(frames), backbone.maps(frames)
        assert features.isfinite().all()
        for last in _cuts(name):
            between = blocks.front(visual, images, last=last)
            assert between.shape[0] == 2
            assert torch.equal(blocks.tail(visual, between, last=last, maps=False), features), last
            found = blocks.tail(visual, between, last=last, maps=True)
            assert torch.equal(found, maps), last
            assert found.stride() == maps.stride()


def _reached(visual: nn.Module, made: Tensor) -> set[str]:
    """Names of the parameters from which `made` was computed."""
    named = dict(visual.named_parameters())
    gradients = torch.autograd.grad(made.sum(), [*named.values()], allow_unused=True)
    return {name for name, grad in zip(named, gradients, strict=True) if grad is not None}


@pytest.mark.parametrize("name", TOWERS)
def test_the_tail_is_what_its_features_are_computed_with(name):
    """All other parameters that the tower uses belong to the front."""
    backbone = _tower(name)
    visual, blocks = backbone.visual, _blocks(backbone)
    images = backbone._images(pixels(backbone, 2))
    used = _reached(visual, visual(images))
    for last in range(1, len(blocks.names) + 1):
        between = blocks.front(visual, images, last=last)
        front = _reached(visual, between)
        tail = _reached(visual, blocks.tail(visual, between.detach(), last=last, maps=False))
        assert {name for name in used if blocks.in_tail(name, last=last)} == tail
        assert {name for name in used if not blocks.in_tail(name, last=last)} == front
        assert front
        assert tail


def test_a_block_is_not_taken_for_another_whose_name_begins_alike():
    blocks = _blocks(_tower(REGISTERS))
    assert blocks.in_tail("blocks.11.norm1.weight", last=1)
    assert not blocks.in_tail("blocks.1.norm1.weight", last=1)
    assert not blocks.in_tail("norm_pre.weight", last=12)


@pytest.mark.parametrize("name", TOWERS)
def test_the_number_of_blocks_is_known_before_the_tower_is_built(name):
    number = NUMBERS[name]
    side = {"image_size": SIDES.get(name)}
    table.check_train_last(config(name, train_last=number, **side))
    for check in (table.check_train_last, build_backbone):
        with pytest.raises(ConfigError) as error:
            check(config(name, train_last=number + 1, **side))
        assert str(error.value) == (
            f"backbone.train_last = {number + 1}: {name} has {number} blocks: set {number} or less "
            f"({number} freezes only what precedes them), or null to train all"
        )


@pytest.mark.parametrize("name", ["timm/test_convnext.r160_in1k", "tiny-conv-net"])
def test_a_tower_that_cannot_be_cut_says_which_can(name, monkeypatch, tmp_path):
    convnext = TIMM_VIT | {"timm_model_name": "test_convnext", "timm_proj": "linear"}
    tiny_clip.register(monkeypatch, tmp_path, {"tiny-conv-net": _like_tiny_vit(**convnext)})
    for check in (table.check_train_last, build_backbone):
        with pytest.raises(ConfigError, match=rf"= 1: {name} cannot be cut .*; ViTs and ResNets"):
            check(config(name, train_last=1))
    build_backbone(config(name, frozen=True))


def test_descriptions_of_open_clip_tell_the_number_of_blocks_without_torch():
    numbers = {"ViT-L-14": 24, "RN101": 4, "ViT-B-16-SigLIP": None}
    assert {name: clip_models.num_blocks(config(name)) for name in numbers} == numbers


@pytest.mark.parametrize("name", ["builtin-clip", "tiny-vit", VIT])
def test_a_tower_in_parts_can_be_copied_and_pickled(name):
    backbone = build_backbone(config(name, train_last=1)).eval()
    frames = pixels(backbone, 2)
    with torch.no_grad():
        expected = backbone(frames)
        for other in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
            assert torch.equal(other(frames), expected)
            changed = next(value for value in other.visual.parameters() if value.requires_grad)
            changed.zero_()
            assert not torch.equal(other(frames), expected)
            assert torch.equal(backbone(frames), expected)
