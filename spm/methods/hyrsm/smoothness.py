"""L_smooth of HyRSM++: near frames of a clip are alike, far ones are not.

r[a, b] = 1 − cos(y_a, y_b)
|a − b| ≤ window      r / ((a − b)² + 1)
|a − b| > window      far_weight · max(0, m − r),  m = 1 − exp(−(|a − b| − window)² / tau)
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spm.nn.cosine import exact_cosine
from spm.nn.precision import at_least_float32


@dataclass(frozen=True)
class Smoothness:
    """The roughness of clips, with the values of the section `model`."""

    window: int
    tau: float
    far_weight: float

    def __call__(self, frames: Tensor) -> Tensor:
        """frames [..., T, C] -> [...], the mean over all T² pairs of frames, in either order."""
        with at_least_float32(frames) as (frames,):
            unlike = 1 - exact_cosine(frames, frames)
        index = torch.arange(frames.shape[-2], device=frames.device)
        apart = (index[:, None] - index).abs().to(unlike)
        margin = 1 - torch.exp(-(apart - self.window).square() / self.tau)
        near = unlike / (apart.square() + 1)
        far = self.far_weight * (margin - unlike).clamp(min=0)
        return torch.where(apart <= self.window, near, far).mean(dim=(-2, -1))
