"""HSMR (Eq. 7): keeps the shallow and the deep motion of a clip consistent. It is CLIP-MEI's MIC,
with the mean motion and the squared distance."""

from typing import Literal

from torch import Tensor, nn

from spm.nn.consistency import Distance, consistency_distance
from spm.nn.motion_features import MotionFeatureExtraction
from spm.nn.semantic_fusion import SemanticFusion


class HierarchicalMotionRefinement(nn.Module):
    """HSMR (Eq. 7). It acts through its loss alone, in training: no logits depend on
    its features."""

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
