"""The Transformer layer of the field's systems: no positional encoding.

    x ─┬─ norm ─ attention ─ + ─┬─ feed forward ─ + ─ out
       └─────────────────────┘  └───────────────┘

CLIP-SPM's paper does not specify its layer; this is the layer of the public releases. LayerNorm
precedes the attention only, q, k and v have no bias, and `heads` and `head_dim` do not depend on C.
"""

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class Transformer(nn.Module):
    """Sequences [..., L, C] -> [..., L, C]; every token attends to every token of its sequence.

    With a second sequence [..., M, C], the tokens attend to that one instead.
    """

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

    def forward(self, x: Tensor, attended: Tensor | None = None) -> Tensor:
        x = x + self.attention(x, attended)
        out: Tensor = x + self.feed_forward(x)
        return out


class Attention(nn.Module):
    """Multi-head attention over the second-to-last dimension, normalised inputs, no residual.

    joint: one matrix `to_qkv` in place of three, as some releases have it. Only for tokens that
    attend to their own sequence.
    """

    def __init__(
        self, channels: int, *, heads: int, head_dim: int, dropout: float, joint: bool = False
    ) -> None:
        super().__init__()
        width = heads * head_dim
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        if joint:
            self.to_qkv = nn.Linear(channels, 3 * width, bias=False)
        else:
            self.to_q = nn.Linear(channels, width, bias=False)
            self.to_k = nn.Linear(channels, width, bias=False)
            self.to_v = nn.Linear(channels, width, bias=False)
        self.joint = joint
        self.to_out = nn.Linear(width, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, attended: Tensor | None = None) -> Tensor:
        """x [..., L, C], attended [..., M, C] or None: x itself -> [..., L, C]."""
        # Four dimensions: torch has no fused kernel for more.
        q, k, v = (
            rearrange(part, "... l (h d) -> (...) h l d", h=self.heads)
            for part in self._project(x, attended)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        joined = rearrange(attended, "b h l d -> b l (h d)").reshape(*x.shape[:-1], -1)
        out: Tensor = self.dropout(self.to_out(joined))
        return out

    def _project(self, x: Tensor, attended: Tensor | None) -> tuple[Tensor, ...]:
        normed = self.norm(x)
        if self.joint:
            assert attended is None
            return self.to_qkv(normed).chunk(3, dim=-1)  # type: ignore[no-any-return]
        other = normed if attended is None else self.norm(attended)
        return self.to_q(normed), self.to_k(other), self.to_v(other)


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
