"""Builds the text tower of `conv`: small, with seeded random weights, never trained."""

import math

import torch
from torch import nn

from spm.config.backbone import BackboneConfig


def build(config: BackboneConfig) -> nn.Module:
    """The tower: tokens -> [sentences, C], with C = embed_dim of `conv`."""
    from open_clip.transformer import TextTransformer

    channels = config.embed_dim
    assert channels is not None, "conv has one"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        heads = math.gcd(4, channels)  # the heads must divide the width
        tower: nn.Module = TextTransformer(
            width=channels, heads=heads, layers=2, output_dim=channels
        )
    return tower.eval()


def tokenizer_of(config: BackboneConfig) -> str:
    """RN50, for CLIP's tokenizer."""
    return "RN50"
