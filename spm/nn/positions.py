"""The two sinusoidal position encodings of the field's systems. Neither has parameters.

    additive   x + 0.1 P          P[t, i] = sin | cos(t / 10000^(2⌊i/2⌋ / C))   TRX and its kin
    scaled     x √(C / A) + B P   P[t, i] = sin | cos(t / 10000^(2 i / C))      HyRSM and its kin

Even channels have the sine, odd ones the cosine. The exponent of `scaled` holds the channel's
number itself, so its rates fall twice as fast as those of a Transformer's positions.
"""

import torch
from torch import Tensor, nn

_WEIGHT = 0.1
_BASE = 10000.0


class AdditivePositions(nn.Module):
    """x [..., T, C] -> x + 0.1 P, then dropout."""

    def __init__(self, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        channel = torch.arange(x.shape[-1], device=x.device)
        out: Tensor = self.dropout(x + _WEIGHT * _table(x, exponent=channel - channel % 2))
        return out


class ScaledPositions(nn.Module):
    """x [..., T, C] -> x √(C / A) + B P, then dropout. `scale` is A, `weight` is B."""

    def __init__(self, *, scale: float, weight: float, dropout: float) -> None:
        super().__init__()
        self.scale, self.weight = scale, weight
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        channel = torch.arange(x.shape[-1], device=x.device)
        larger = x * (x.shape[-1] / self.scale) ** 0.5
        out: Tensor = self.dropout(larger + self.weight * _table(x, exponent=2 * channel))
        return out


def _table(x: Tensor, *, exponent: Tensor) -> Tensor:
    """P [T, C] like x: sines and cosines of t / 10000^(exponent / C), computed in float64."""
    rates = _BASE ** (-exponent.double() / x.shape[-1])
    angles = torch.arange(x.shape[-2], device=x.device).double()[:, None] * rates
    even = torch.arange(x.shape[-1], device=x.device) % 2 == 0
    return torch.where(even, angles.sin(), angles.cos()).to(x.dtype)
