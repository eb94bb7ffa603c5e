"""The Transformer layer of a section's values."""

from dataclasses import dataclass

import pytest
from torch import nn

from spm.base.errors import ConfigError
from spm.nn.configured_transformer import configured_transformer


@dataclass
class Values:
    heads: int = 8
    hidden_dim: int = 24
    attention_dropout: float = 0.1
    dropout: float = 0.2


def test_heads_share_the_channels_or_have_a_width_of_their_own() -> None:
    shared = configured_transformer(Values(), 16)
    assert shared.attention.heads == 8
    assert shared.attention.to_q.weight.shape == (16, 16)
    own = configured_transformer(Values(), 16, head_dim=3)
    assert own.attention.to_q.weight.shape == (24, 16)


def test_it_has_the_widths_and_the_dropouts_of_the_values() -> None:
    layer = configured_transformer(Values(), 16)
    assert layer.feed_forward[0].weight.shape == (24, 16)
    assert layer.attention.dropout.p == 0.1
    within = [each.p for each in layer.feed_forward if isinstance(each, nn.Dropout)]
    assert within == [0.2, 0.2]


def test_heads_that_cannot_share_the_channels_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"heads = 3: .* 16 channels .* to 2 or 4"):
        configured_transformer(Values(heads=3), 16)
    configured_transformer(Values(heads=3), 16, head_dim=8)
