"""STRM's two enrichments: patches of a frame see each other, then frames of a clip.

    patches   z = pooled map + positions
              z ← z + γ softmax(W_Q z · W_K z) W_V z        γ learned, from 0; no 1/√C
              z ← z + W_3 ReLU(W_2 ReLU(W_1 z))             C → C/2 → C/2 → C
              h = mean over the patches
    frames    h ← h + positions
              h ← h + W_b ReLU(W_a h)                       over the frames, for each channel
              h ← h + W_d ReLU(W_c h)                       over the channels, for each frame

Shapes: `T` frames, `C` channels, `P` patches of a frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.nn.positions import AdditivePositions


class PatchEnrichment(nn.Module):
    """Maps [..., T, C, H, W] -> frames [..., T, C]."""

    def __init__(self, channels: int, *, patches: int, dropout: float) -> None:
        """patches: side of the grid that a map is pooled to by maxima."""
        super().__init__()
        self.patches = patches
        self.positions = AdditivePositions(dropout=dropout)
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.gamma = nn.Parameter(torch.zeros(1))
        half = channels // 2
        self.hidden = nn.Sequential(
            nn.Linear(channels, half),
            nn.ReLU(),
            nn.Linear(half, half),
            nn.ReLU(),
            nn.Linear(half, channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        pooled = F.adaptive_max_pool2d(maps.flatten(0, -4), self.patches)  # [frames, C, …]
        z = self.positions(pooled.flatten(2).mT)  # [frames, P, C]
        attention = (self.query(z) @ self.key(z).mT).softmax(dim=-1)
        z = z + self.gamma * (attention @ self.value(z))
        h: Tensor = (z + self.hidden(z)).mean(dim=-2)
        return h.reshape(maps.shape[:-2])


class FrameEnrichment(nn.Module):
    """Frames [..., T, C] -> [..., T, C]."""

    def __init__(self, channels: int, *, num_frames: int, dropout: float) -> None:
        super().__init__()
        self.positions = AdditivePositions(dropout=dropout)
        self.over_frames = _two_layers(num_frames)
        self.over_channels = _two_layers(channels)

    def forward(self, frames: Tensor) -> Tensor:
        h: Tensor = self.positions(frames)
        h = h + self.over_frames(h.mT).mT
        out: Tensor = h + self.over_channels(h)
        return out


def _two_layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
