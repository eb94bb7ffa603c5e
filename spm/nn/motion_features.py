"""Motion as differences of neighbouring frames: MFE of CLIP-SPM (Eq. 8) and of its kin.

    m^f_t = Φ(f)[t+1] − f[t],  m^b_t = Φ(f)[t] − f[t+1],  t = 1..T−1

Φ is two convolutions over time without an activation between them.
"""

from typing import Literal

from torch import Tensor, nn


class MotionFeatureExtraction(nn.Module):
    """m = Σ_t (m^f_t + m^b_t) with `reduction="sum"`; the mean over t of (m^f + m^b) / 2, as in the
    releases, with `reduction="mean"`."""

    def __init__(self, channels: int, *, reduction: Literal["sum", "mean"]) -> None:
        super().__init__()
        self.reduction = reduction
        self.conv1 = nn.Conv1d(channels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size=3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """frames [..., T, C], T >= 2 -> motion [..., 1, C]."""
        motion = self.steps(frames)
        if self.reduction == "sum":
            return motion.sum(dim=-2, keepdim=True)
        return 0.5 * motion.mean(dim=-2, keepdim=True)

    def steps(self, frames: Tensor) -> Tensor:
        """m^f + m^b of each step: frames [..., T, C] -> [..., T−1, C]."""
        convolved = self.phi(frames)
        forward = convolved[..., 1:, :] - frames[..., :-1, :]
        backward = convolved[..., :-1, :] - frames[..., 1:, :]
        return forward + backward

    def phi(self, frames: Tensor) -> Tensor:
        """Φ: frames [..., T, C] -> [..., T, C]."""
        over_time = frames.flatten(end_dim=-3).transpose(1, 2)
        out: Tensor = self.conv2(self.conv1(over_time)).transpose(1, 2)
        return out.reshape(frames.shape)
