"""The text tower beside `conv`: small, with seeded random weights, and never trained."""

import math

import torch
from torch import nn

from spm.config.backbone import BackboneConfig


def build(config: BackboneConfig) -> nn.Module:
    """Tokens -> [sentences, C], C as `conv` has it."""
    from open_clip.transformer import TextTransformer

    channels = config.embed_dim
    assert channels is not None, "conv has one"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        heads = math.gcd(4, channels)  # they must divide the width
        tower: nn.Module = TextTransformer(
            width=channels, heads=heads, layers=2, output_dim=channels
        )
    return tower.eval()


def tokenizer_of(config: BackboneConfig) -> str:
    """CLIP's, as its ResNet-50 reads."""
    return "RN50"
