"""PADM, Prototype-Anchor Dual Modulation (Eq. 14); CLIP-MEI's TFE is the same.

    P_n = mean over the supports of class n and ALL queries       one prototype a class
    A   = mean over n of P_n                                      one anchor
    [P', f_S'] = Transformer([P, f_S]),  [A', f_Q'] = Transformer([A, f_Q])

The same Transformer is applied twice. It attends across clips, separately at each frame index: T
sequences, no attention over time. PADM is transductive: queries enter the prototypes and attend to
each other.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn

from spm.nn.prototypes import class_sums
from spm.nn.transformer import Transformer


@dataclass(frozen=True)
class DualModulated:
    """The output of PADM (Eq. 14)."""

    support: Tensor
    """[..., S, T, C]"""
    query: Tensor
    """[..., Q, T, C]"""
    prototypes: Tensor
    """P' [..., N, T, C]"""
    anchor: Tensor
    """A' [..., 1, T, C]"""


class DualModulation(nn.Module):
    """Supports attend to the class prototypes P, queries to the anchor A."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self, support: Tensor, support_labels: Tensor, query: Tensor, *, num_classes: int
    ) -> DualModulated:
        """support [..., S, T, C], support_labels [..., S], query [..., Q, T, C]."""
        sums, counts = class_sums(support, support_labels, num_classes=num_classes)
        all_queries = query.sum(dim=-3, keepdim=True)
        prototypes = (sums + all_queries) / (counts + query.shape[-3])[..., None, None]
        anchor = prototypes.mean(dim=-3, keepdim=True)
        prototypes, support = self._across_clips(prototypes, support)
        anchor, query = self._across_clips(anchor, query)
        return DualModulated(support, query, prototypes, anchor)

    def _across_clips(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        clips = torch.cat([first, second], dim=-3)
        out = self.transformer(rearrange(clips, "... l t c -> ... t l c"))
        out = rearrange(out, "... t l c -> ... l t c")
        split = first.shape[-3]
        return out[..., :split, :, :], out[..., split:, :, :]
