"""The pattern tokens of TEAM, and the tokens by which clips and classes are compared.

    A(x)  = softmax_t(LN(P)·LN(x̂)ᵀ / √(C / heads)) · LN(x̂),  x̂ = x with positions
    X^+   = ReLU(f(P + A)),  X^- = ReLU(f(P − A)),  f(z) = z + W_2 ReLU(W_1 z)

Shapes: `N` classes, `M` tokens, `T` frames, `C` channels.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spm.nn.positions import AdditivePositions


class Tokens(NamedTuple):
    """The tokens that say what a clip is and what it is not, [..., M, C] each."""

    positive: Tensor
    negative: Tensor


class Patterns(nn.Module):
    """P, its attention A over the frames of a clip, and f."""

    def __init__(self, channels: int, *, tokens: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.temperature = (channels / heads) ** 0.5
        self.tokens = nn.Parameter(torch.randn(1, tokens, channels))
        self.positions = AdditivePositions(dropout=dropout)
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def attended(self, frames: Tensor) -> Tensor:
        """A: frames [..., T, C] -> [..., M, C]. The frames are keys and values, not projected."""
        placed = self.norm(self.positions(frames))
        scores = self.norm(self.tokens[0]) @ placed.transpose(-1, -2) / self.temperature
        weights = self.dropout(scores.softmax(dim=-1))
        out: Tensor = weights @ placed
        return out

    def of(self, attended: Tensor) -> Tokens:
        """The tokens of A [..., M, C], before any adaptation."""
        patterns = self.tokens[0]
        return Tokens(self.embed(patterns + attended), self.embed(patterns - attended))

    def adapted(self, attended: Tensor, other: Tensor, likeness: Tokens) -> Tokens:
        """The tokens of A_n beside those of another class o.

            S_no^+ = ReLU(f(P + A_n − E^+ (A_o − A_n)))
            S_no^- = ReLU(f(P − A_n + E^- (A_o − A_n)))

        likeness: E^+ and E^-, [..., M, 1].
        """
        patterns, towards = self.tokens[0], other - attended
        return Tokens(
            self.embed(patterns + attended - likeness.positive * towards),
            self.embed(patterns - attended + likeness.negative * towards),
        )

    def embed(self, x: Tensor) -> Tensor:
        """ReLU(f(x)), [..., C] both."""
        return torch.relu(x + self.out(torch.relu(self.hidden(x))))
