"""The part of HyRSM that lets an episode's clips see each other, each query with the supports.

    tokens g = [one of each support item, one of the query]
    o        = ReLU(LN(attention(g) + g))         an own version for each query
    y_t      = W_f [x_t; o] + b                   o is the clip's own output token

A query sees no other query. Shapes: `R` support items, `Q` queries, `T` frames, `C` channels.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class PerQuery(NamedTuple):
    """What the clips of an episode are together with each query."""

    support: Tensor
    """[..., Q, R, …]: a version of each support item for each query."""
    query: Tensor
    """[..., Q, …]"""


class TaskAttention(nn.Module):
    """Attention among the tokens of the support items and of one query, with LayerNorm after it."""

    def __init__(self, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(channels, channels, bias=False)
        self.to_v = nn.Linear(channels, channels, bias=False)
        self.to_out = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, support: Tensor, query: Tensor) -> PerQuery:
        """support [..., R, C], query [..., Q, C] -> o of the support items and of the queries."""
        tokens = _beside_each(support, query)
        q, k, v = (
            # Projected once, not once for each query. Four dimensions: torch has no fused kernel
            # for more.
            rearrange(
                _beside_each(project(support), project(query)),
                "... q l (h d) -> (... q) h l d",
                h=self.heads,
            )
            for project in (self.to_q, self.to_k, self.to_v)
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        joined = rearrange(attended, "b h l d -> b l (h d)").reshape(tokens.shape)
        out = torch.relu(self.norm(self.dropout(self.to_out(joined)) + tokens))
        return PerQuery(out[..., :-1, :], out[..., -1, :])


class Fusion(nn.Module):
    """y_t = W_f [x_t; o] + b, in the parts W_f = [W_1, W_2]: W_1 x_t + b depends on no query."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layer = nn.Conv1d(2 * channels, channels, kernel_size=1)

    def of_frames(self, frames: Tensor) -> Tensor:
        """W_1 x + b: [..., C] -> [..., C]."""
        return F.linear(frames, self.layer.weight[:, : self.channels, 0], self.layer.bias)

    def of_task(self, tokens: Tensor) -> Tensor:
        """W_2 o: [..., C] -> [..., C]."""
        return F.linear(tokens, self.layer.weight[:, self.channels :, 0])


def _beside_each(support: Tensor, query: Tensor) -> Tensor:
    """support [..., R, C], query [..., Q, C] -> [..., Q, R + 1, C], the query last."""
    repeated = support[..., None, :, :].expand(*query.shape[:-1], *support.shape[-2:])
    return torch.cat([repeated, query[..., None, :]], dim=-2)
