"""TA2N: two-stage action alignment network (Li et al., AAAI 2022), as its authors released it.

    maps ─ temporal transform ─┬─ supports ─ fusion (K > 1) ─┬─ action coordination ─ s̄, q̄
                               └─ queries ─ W_v (K > 1) ─────┘

    logits[q, n] = − Σ_t (1 − cos(s̄_t, q̄_t))

The temporal transform acts on each clip, the action coordination on each pair of class and query.
With one support a class, the weights of the fusion are not used. The networks have BatchNorm: in
training they normalise by all clips, or all pairs, of a forward pass, in evaluation by running
statistics, so that a query's logits depend on no other query.
Shapes: `...` episodes, `N` classes, `S` supports, `K` of a class, `Q` queries, `T` frames, `C`
channels, `H`, `W` of the maps, which may have any size.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.base import EpisodeFeatures, Method
from spm.methods.ta2n import released
from spm.methods.ta2n.config import Config
from spm.methods.ta2n.coordination import Coordination
from spm.methods.ta2n.fusion import Fusion
from spm.methods.ta2n.warp import TemporalWarp
from spm.nn.precision import at_least_float32
from spm.nn.supports_by_class import supports_by_class


class Ta2n(Method):
    """Classifies by aligned frames; inductive, uses no texts.

    A class's first support is the reference of its others. Supports of different classes may come
    in any order, but each class must have as many.
    """

    ordered_support: ClassVar[bool] = True
    unequal_shots: ClassVar[bool] = False

    def __init__(
        self, *, warp: TemporalWarp, fusion: Fusion, coordination: Coordination, dropout: float
    ) -> None:
        """dropout: of the maps, in training."""
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.warp, self.fusion, self.coordination = warp, fusion, coordination

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError if classes have different numbers of supports."""
        support, query = self._warped(episode)
        shots = self._by_class(support, episode)
        fused = shots.shape[-5] > 1
        s = self.fusion(shots) if fused else shots.squeeze(-5)
        q = self.fusion.value.maps(query) if fused else query
        half_s, half_q = self._halves(s, q, episode, fused=fused)
        pairs = self.coordination(s, q, half_s=half_s, half_q=half_q)
        with at_least_float32(*pairs) as pairs:
            class_frames, query_frames = (F.normalize(each, dim=-1) for each in pairs)
            cosine = (class_frames * query_frames).sum(dim=-1)
        return -(1 - cosine).sum(dim=-1).transpose(-1, -2)

    def prepare_query(self, features: Tensor) -> Tensor:
        """The warped maps of each clip, and the first convolution's halves behind their channels:
        [clips, T, C + 2D, H, W], D channels of the convolution for K = 1 and for K > 1."""
        maps, net = self.warp(features), self.coordination
        one_shot, many_shot = (net.half_of_query(q) for q in (maps, self.fusion.value.maps(maps)))
        return torch.cat([maps, one_shot, many_shot], dim=-3)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """The same maps, and the half of the support for K = 1: [clips, T, C + D, H, W]."""
        maps = as_query[..., : -2 * self.coordination.width, :, :].contiguous()
        return torch.cat([maps, self.coordination.half_of_support(maps)], dim=-3)

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)

    def _warped(self, episode: EpisodeFeatures) -> tuple[Tensor, Tensor]:
        """The maps of supports and queries after the temporal transform, prepared or not."""
        if episode.prepared is not None:
            channels = episode.prepared.support.shape[-3] - self.coordination.width
            support, query = (each[..., :channels, :, :] for each in episode.prepared)
            return support, query
        maps = self.warp(self.dropout(torch.cat([episode.support, episode.query], dim=-5)))
        sides = [episode.support.shape[-5], episode.query.shape[-5]]
        support, query = torch.split(maps, sides, dim=-5)
        return support, query

    def _halves(
        self, s: Tensor, q: Tensor, episode: EpisodeFeatures, *, fused: bool
    ) -> tuple[Tensor, Tensor]:
        """The halves of the coordination's first convolution, prepared as far as they can be."""
        net, prepared = self.coordination, episode.prepared
        if prepared is None:
            return net.half_of_support(s), net.half_of_query(q)
        channels = s.shape[-3]
        of_query = prepared.query[..., channels:, :, :].chunk(2, dim=-3)[int(fused)]
        if fused:
            return net.half_of_support(s), of_query
        of_support = self._by_class(prepared.support[..., channels:, :, :], episode)
        return of_support.squeeze(-5), of_query

    def _by_class(self, supports: Tensor, episode: EpisodeFeatures) -> Tensor:
        """[..., S, T, C, H, W] -> [..., N, K, T, C, H, W]."""
        of_classes = supports_by_class(
            episode.support_labels,
            num_classes=episode.num_classes,
            training=self.training,
            equal=True,
        )
        return of_classes.of(supports)


def build(config: Config, *, channels: int, **_: object) -> Ta2n:
    """TA2N as `config` describes it, with random weights. channels: C."""
    first, second = config.widths
    widths = (first, second)
    return Ta2n(
        warp=TemporalWarp(channels, widths=widths),
        fusion=Fusion(channels),
        coordination=Coordination(channels, widths=widths, shifts=config.shifts),
        dropout=config.dropout,
    )
