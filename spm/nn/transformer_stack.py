"""Transformer layers one after another, as wide inside as outside: the heads share the C channels.

CLIP-FSAR and its kin have such layers. In CLIP-SPM the width of a head does not depend on C.
"""

from torch import nn

from spm.base.errors import ConfigError
from spm.nn.transformer import Transformer


class TransformerStack(nn.Sequential):
    """Sequences [..., L, C] -> [..., L, C] through `depth` layers with weights of their own."""

    def __init__(
        self,
        channels: int,
        *,
        depth: int,
        heads: int,
        hidden_dim: int,
        attention_dropout: float,
        dropout: float,
    ) -> None:
        """Raises ConfigError if `heads` does not divide `channels`."""
        layers = (
            Transformer(
                channels,
                heads=heads,
                head_dim=head_width(channels, heads=heads),
                hidden_dim=hidden_dim,
                attention_dropout=attention_dropout,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        super().__init__(*layers)


def head_width(channels: int, *, heads: int) -> int:
    """C / heads. Raises ConfigError if that is no whole number."""
    if channels % heads:
        allowed = [number for number in range(1, channels + 1) if channels % number == 0]
        raise ConfigError(
            f"model.heads = {heads}: the heads share the {channels} channels of the features "
            f"equally. Set it to one of {', '.join(map(str, allowed))}"
        )
    return channels // heads
