"""The stack of Transformer layers whose heads share the channels."""

import pytest
import torch

from spm.base.errors import ConfigError
from spm.nn.transformer_stack import TransformerStack, head_width


def stack(*, depth: int, heads: int = 4) -> TransformerStack:
    return TransformerStack(
        16, depth=depth, heads=heads, hidden_dim=24, attention_dropout=0.0, dropout=0.0
    ).double()


def test_layers_follow_one_another_with_weights_of_their_own() -> None:
    layers, x = stack(depth=3), torch.randn(2, 5, 16, dtype=torch.float64)
    expected = x
    for layer in layers:
        expected = layer(expected)
    torch.testing.assert_close(layers(x), expected, rtol=0, atol=0)
    weights = [layer.attention.to_q.weight for layer in layers]
    assert len(weights) == 3
    assert not torch.equal(weights[0], weights[1])


def test_heads_share_the_channels() -> None:
    (layer,) = stack(depth=1, heads=8)
    assert layer.attention.to_q.weight.shape == (16, 16)
    assert layer.attention.heads == 8
    assert head_width(512, heads=8) == 64


def test_heads_that_cannot_share_the_channels_are_an_error_with_those_that_can() -> None:
    with pytest.raises(ConfigError, match=r"heads = 3: .* 16 channels .* one of 1, 2, 4, 8, 16"):
        stack(depth=1, heads=3)
