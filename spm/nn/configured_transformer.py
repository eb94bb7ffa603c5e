"""The Transformer layer that a section `model` describes."""

from typing import Protocol

from spm.nn.head_width import head_width
from spm.nn.transformer import Transformer


class Sizes(Protocol):
    """The values that a section needs for it."""

    heads: int
    hidden_dim: int
    attention_dropout: float
    dropout: float


def configured_transformer(
    config: Sizes, channels: int, *, head_dim: int | None = None
) -> Transformer:
    """With random weights. head_dim: channels per head; None: C / heads.

    Raises ConfigError if `heads` has to divide C and does not.
    """
    return Transformer(
        channels,
        heads=config.heads,
        head_dim=head_width(channels, heads=config.heads) if head_dim is None else head_dim,
        hidden_dim=config.hidden_dim,
        attention_dropout=config.attention_dropout,
        dropout=config.dropout,
    )
