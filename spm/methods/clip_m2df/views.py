"""The two views of a clip: its frames in a context, local or global, prompted by a text.

    local     L(f) = Φ(f), two convolutions over time
    global    G(f) = f + the last time step of TCN(f)
    view      Tr(ctx(f) ← [text, f]): the context attends to the text and the frames

TCN is a temporal convolution network: causal convolutions of growing dilation, so that its last
time step has seen the frames before.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from spm.nn.motion_features import MotionFeatureExtraction
from spm.nn.transformer import Transformer

_KERNEL = 3
_DILATIONS = (1, 2, 4)


class View(nn.Module):
    """A context, and the Transformer that fuses the context with frames and text."""

    def __init__(self, context: nn.Module, transformer: Transformer) -> None:
        super().__init__()
        self.context = context
        self.transformer = transformer

    def forward(self, context: Tensor, frames: Tensor, text: Tensor) -> Tensor:
        """context and frames [..., T, C], text [..., 1, C] -> [..., T, C].

        The release has the text before the context too, and drops the token that comes of it. No
        other token depends on it, since tokens attend to text and frames.
        """
        out: Tensor = self.transformer(context, torch.cat([text, frames], dim=-2))
        return out


class LocalContext(nn.Module):
    """Φ, the convolutions of MFE, without the differences that make motion of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mfe = MotionFeatureExtraction(channels, reduction="mean")

    def forward(self, frames: Tensor) -> Tensor:
        """[..., T, C] -> [..., T, C]"""
        return self.mfe.phi(frames)


class GlobalContext(nn.Module):
    """Adds the last time step of TCN to every frame."""

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(
            *(CausalBlock(channels, dilation=each, dropout=dropout) for each in _DILATIONS)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """[..., T, C] -> [..., T, C]"""
        over_time = frames.flatten(end_dim=-3).transpose(1, 2)
        last: Tensor = self.network(over_time)[..., -1]
        return frames + last.reshape(*frames.shape[:-2], 1, -1)


class CausalBlock(nn.Module):
    """ReLU(x + h), h = ReLU(conv₂(ReLU(conv₁ x))): [clips, C, T] -> [clips, C, T]."""

    def __init__(self, channels: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv1, self.conv2 = (
            weight_norm(nn.Conv1d(channels, channels, _KERNEL, dilation=dilation)) for _ in range(2)
        )
        self.num_before = (_KERNEL - 1) * dilation
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        h = self._causal(self.conv2, self._causal(self.conv1, x))
        out: Tensor = F.relu(x + h)
        return out

    def _causal(self, conv: nn.Module, x: Tensor) -> Tensor:
        """A time step sees itself and those before it; before the first there are zeros."""
        out: Tensor = self.dropout(F.relu(conv(F.pad(x, (self.num_before, 0)))))
        return out
