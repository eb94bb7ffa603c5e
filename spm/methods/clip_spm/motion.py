"""MFE and HSMR (Eq. 7, 8): HSMR keeps the shallow and the deep motion of a clip consistent."""

from typing import Literal

from torch import Tensor, nn

from spm.methods.clip_spm.consistency import Distance, consistency_distance
from spm.nn.semantic_fusion import SemanticFusion


class MotionFeatureExtraction(nn.Module):
    """MFE (Eq. 8): forward and backward differences of neighbouring frames, summed over time.

    m^f_t = Φ(f)[t+1] − f[t],  m^b_t = Φ(f)[t] − f[t+1],  m = Σ_t (m^f_t + m^b_t)

    Φ is two convolutions over time without an activation between them. `reduction="mean"`, as in
    the release, gives the mean over t of (m^f + m^b) / 2.
    """

    def __init__(self, channels: int, *, reduction: Literal["sum", "mean"]) -> None:
        super().__init__()
        self.reduction = reduction
        self.conv1 = nn.Conv1d(channels, channels, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size=3, padding=1)

    def forward(self, frames: Tensor) -> Tensor:
        """frames [..., T, C], T >= 2 -> motion [..., 1, C]."""
        convolved = self._phi(frames)
        forward = convolved[..., 1:, :] - frames[..., :-1, :]
        backward = convolved[..., :-1, :] - frames[..., 1:, :]
        motion = forward + backward
        if self.reduction == "sum":
            return motion.sum(dim=-2, keepdim=True)
        return 0.5 * motion.mean(dim=-2, keepdim=True)

    def _phi(self, frames: Tensor) -> Tensor:
        over_time = frames.flatten(end_dim=-3).transpose(1, 2)
        out: Tensor = self.conv2(self.conv1(over_time)).transpose(1, 2)
        return out.reshape(frames.shape)


class HierarchicalMotionRefinement(nn.Module):
    """HSMR (Eq. 7). It acts through L_H alone, in training: no logits depend on its features."""

    def __init__(
        self, channels: int, *, reduction: Literal["sum", "mean"], distance: Distance
    ) -> None:
        super().__init__()
        self.distance = distance
        self.mfe = MotionFeatureExtraction(channels, reduction=reduction)

    def forward(self, frames: Tensor, *, fusion: SemanticFusion) -> Tensor:
        """frames [..., T, C] -> d_h [...], the distance of shallow and deep motion (Eq. 3)."""
        shallow, modulated = fusion(self.mfe(frames), frames)
        deep = self.mfe(modulated)
        return consistency_distance(shallow, deep, kind=self.distance)
