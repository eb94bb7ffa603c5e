"""TA2N's first stage, the temporal transform: undoes when an action begins and how long it lasts.

    maps ─ 3-D convolutions ─ (a, b);  frame j of the result = the clip at a τ_j + b

τ runs from −1, the first frame, to 1, the last one. Between frames the clip is interpolated; beyond
its ends it is zero.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.ta2n.layers import ConvBlock


class TemporalWarp(nn.Module):
    """maps [..., T, C, H, W] -> [..., T, C, H, W]. At first a = tanh 2 and b = 0 for all clips."""

    def __init__(self, channels: int, *, widths: tuple[int, int]) -> None:
        super().__init__()
        first, second = widths
        self.first = ConvBlock(channels, first, pool=(2, 2, 2))
        self.second = ConvBlock(first, second, pool=(2, 2, 2))
        self.hidden = nn.Linear(second, second // 4)
        self.out = nn.Linear(second // 4, 2)
        nn.init.zeros_(self.out.weight)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([2.0, 0.0]))

    def forward(self, maps: Tensor) -> Tensor:
        clips = maps.flatten(end_dim=-5)
        weights = interpolation(self.affine(clips), num_frames=maps.shape[-4])
        return (weights @ clips.flatten(start_dim=2)).reshape(maps.shape)

    def affine(self, clips: Tensor) -> Tensor:
        """a and b of clips [B, T, C, H, W], [B, 2]."""
        found = self.second(self.first(clips.transpose(1, 2))).amax(dim=(-3, -2, -1))
        return torch.tanh(self.out(F.relu(self.hidden(found))))


def interpolation(affine: Tensor, *, num_frames: int) -> Tensor:
    """a and b [..., 2] -> weights [..., T, T]: of the clip's frames (columns) in the result's."""
    a, b = affine[..., :1], affine[..., 1:]
    tau = torch.linspace(-1, 1, num_frames, dtype=affine.dtype, device=affine.device)
    position = (a * tau + b + 1) / 2 * (num_frames - 1)
    frame = torch.arange(num_frames, dtype=affine.dtype, device=affine.device)
    return F.relu(1 - (position[..., :, None] - frame).abs())
