"""The Transformer encoder of SF and PADM: one layer, no positional encoding.

    x ─┬─ norm ─ attention ─ + ─┬─ feed forward ─ + ─ out
       └─────────────────────┘  └───────────────┘

The paper does not specify the layer; this is the layer of the public release. LayerNorm precedes
the attention only, q, k and v have no bias, and `heads` and `head_dim` do not depend on C.
"""

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class Transformer(nn.Module):
    """Sequences [..., L, C] -> [..., L, C]; every token attends to every token of its sequence."""

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        head_dim: int,
        hidden_dim: int,
        attention_dropout: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.attention = Attention(
            channels, heads=heads, head_dim=head_dim, dropout=attention_dropout
        )
        self.feed_forward = FeedForward(channels, hidden_dim=hidden_dim, dropout=dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        out: Tensor = x + self.feed_forward(x)
        return out


class Attention(nn.Module):
    """Multi-head self-attention over the second-to-last dimension."""

    def __init__(self, channels: int, *, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        width = heads * head_dim
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.to_q = nn.Linear(channels, width, bias=False)
        self.to_k = nn.Linear(channels, width, bias=False)
        self.to_v = nn.Linear(channels, width, bias=False)
        self.to_out = nn.Linear(width, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        # Four dimensions: torch has no fused kernel for more.
        q, k, v = (
            rearrange(project(normed), "... l (h d) -> (...) h l d", h=self.heads)
            for project in (self.to_q, self.to_k, self.to_v)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        joined = rearrange(attended, "b h l d -> b l (h d)").reshape(*x.shape[:-1], -1)
        out: Tensor = self.dropout(self.to_out(joined))
        return out


class FeedForward(nn.Sequential):
    """Linear, GELU, dropout, linear, dropout. Also PG's Υ (Eq. 13)."""

    def __init__(self, channels: int, *, hidden_dim: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(channels, hidden_dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, channels),
            nn.Dropout(dropout),
        )
