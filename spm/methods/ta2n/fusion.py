"""TA2N's fusion of several supports: each is aligned in time with its class's first."""

import torch
from torch import Tensor, nn

from spm.methods.ta2n.layers import Projection


class Fusion(nn.Module):
    """maps [..., K, T, C, H, W] -> [..., T, C, H, W].

    The result at y is the mean over the shots of Σ_x a[x, y] W_v map_x; a, softmax over the shot's
    frames x, compares their means over positions with those of the first shot's frames y.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.key = Projection(channels)
        self.query = Projection(channels)
        self.value = Projection(channels)

    def forward(self, maps: Tensor) -> Tensor:
        frames = maps.mean(dim=(-2, -1))
        keys, first = self.key.vectors(frames), self.query.vectors(frames[..., :1, :, :])
        scores = keys @ first.transpose(-1, -2) / maps.shape[-3] ** 0.5  # [..., K, x, y]
        weights = scores.softmax(dim=-2) / maps.shape[-5]
        return self.value.maps(torch.einsum("...kxy,...kxchw->...ychw", weights, maps))
