"""One of MoLo's two streams: a learned long-range token beside the frames of a clip.

[token, x_1 … x_L] ─ positions ─ + attention ─ + feed forward ─ ReLU
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.nn.positions import ScaledPositions
from spm.nn.transformer import Attention, FeedForward


class Stream(nn.Module):
    """Sequences [..., L, C] -> [..., 1 + L, C]; the token is the first.

    LayerNorm precedes the attention only. The token starts from a standard normal.
    """

    def __init__(
        self, channels: int, *, positions: ScaledPositions, attention: Attention, feed: FeedForward
    ) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, channels))
        self.positions = positions
        self.attention = attention
        self.feed_forward = feed

    def forward(self, x: Tensor) -> Tensor:
        token = self.token[0].expand(*x.shape[:-2], 1, -1)
        x = self.positions(torch.cat([token, x], dim=-2))
        x = x + self.attention(x)
        return F.relu(x + self.feed_forward(x))
