"""STRM: spatio-temporal relations, TRX on enriched features (Thatipelli et al., CVPR 2022).

    maps ─ patches see each other ─ h ─┬─ frames see each other ─ TRX ── logit_f ─┬─ L_frame
                                       └─ nearest pairs of frames ────── logit_p ─┼─ L_patch
                                                     logits = logit_f + w logit_p ┘

The public release's patch-level head is in no state dict and never trained; here it is trained,
unless `patch_head` is `frozen`. enrichment.py and patch_head.py have the equations,
spm.nn.cross_transformer those of TRX.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from spm.base.errors import ConfigError
from spm.methods.base import (
    EpisodeFeatures,
    EpisodePixels,
    Losses,
    Method,
    cross_entropy,
)
from spm.methods.strm import released
from spm.methods.strm.config import Config
from spm.methods.strm.enrichment import FrameEnrichment, PatchEnrichment
from spm.methods.strm.patch_head import PatchHead
from spm.nn.cross_transformer import CrossTransformers
from spm.nn.one_by_one import one_by_one
from spm.nn.supports_by_class import SupportsByClass


class Logits(NamedTuple):
    """Logits [..., Q, N] of the two heads."""

    frame: Tensor
    patch: Tensor


class Strm(Method):
    """Classifies by distances of frame tuples; inductive, uses no texts, needs maps."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_frame", "L_patch")
    released_unused: ClassVar[tuple[str, ...]] = ("*.norm_v.*",)

    def __init__(
        self,
        *,
        patches: PatchEnrichment,
        frames: FrameEnrichment,
        transformers: CrossTransformers,
        patch_head: PatchHead,
        patch_weight: float,
    ) -> None:
        super().__init__()
        self.patches, self.frames = patches, frames
        self.transformers, self.patch_head = transformers, patch_head
        self.patch_weight = patch_weight

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        return self._joined(self.heads(episode))

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_frame + w L_patch: a cross entropy for each head. L_CE, of the joined logits, is
        for the learning curves."""
        heads = self.heads(episode)
        logits = self._joined(heads)
        L_frame, L_patch = (cross_entropy(each, query_labels) for each in heads)
        total = L_frame + self.patch_weight * L_patch
        terms = {
            "L_CE": cross_entropy(logits, query_labels),
            "L_frame": L_frame,
            "L_patch": L_patch,
        }
        return Losses(total, torch.zeros_like(total), terms, logits)

    def prepare_query(self, features: Tensor) -> Tensor:
        """The embedding of each clip's tuples for both heads, the same as support and as query."""
        return self._embed(features)

    def heads(self, episode: EpisodeFeatures) -> Logits:
        """The logits of the frame-level and of the patch-level head."""

        def of_one(support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
            if episode.prepared is None:
                support, query = self._embed(support), self._embed(query)
            return self._heads(support, query, of_classes)

        clips = episode.prepared or (episode.support, episode.query)
        both = one_by_one(
            of_one,
            *clips,
            episode.support_labels,
            num_classes=episode.num_classes,
            training=self.training,
        )
        return Logits(*both.unbind(dim=-3))

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)

    def _joined(self, heads: Logits) -> Tensor:
        return heads.frame + self.patch_weight * heads.patch

    def _embed(self, maps: Tensor) -> Tensor:
        """For the patch-level head, then for TRX: maps [clips, T, C, H, W] -> [clips, n]."""
        frames = self.patches(maps)
        pairs = self.patch_head.embed(frames)
        return torch.cat([pairs.flatten(1), self.transformers.embed(self.frames(frames))], dim=1)

    def _heads(self, support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
        """support [S, n], query [Q, n] -> logits of both heads [2, Q, N]."""
        pairs, tuples = [], []
        number, width = self.patch_head.shape
        for side in (support, query):
            pairs.append(side[:, : number * width].reshape(-1, number, width))
            tuples.append(side[:, number * width :])
        frame = self.transformers(*tuples, of_classes)
        return torch.stack([frame, self.patch_head(*pairs, of_classes)])


def build(
    config: Config, *, channels: int, num_frames: int, map_size: int | None = None, **_: object
) -> Strm:
    """STRM as `config` describes it, with random weights. channels: C.

    map_size: H = W; None: unknown. Raises ConfigError for more patches a side.
    """
    if map_size is not None and config.patches > map_size:
        raise ConfigError(
            f"model.patches = {config.patches}: the tower's maps have {map_size} x {map_size} "
            f"places, and a grid of patches has {map_size} a side or fewer. Set model.patches to "
            f"{map_size} or less, or give the tower larger frames (backbone.image_size)"
        )
    patches = PatchEnrichment(channels, patches=config.patches, dropout=config.dropout)
    frames = FrameEnrichment(channels, num_frames=num_frames, dropout=config.dropout)
    transformers = CrossTransformers(
        channels,
        num_frames=num_frames,
        cardinalities=config.cardinalities,
        dim=config.dim,
        dropout=config.dropout,
    )
    patch_head = PatchHead(channels, num_frames=num_frames, dropout=config.dropout)
    patch_head.requires_grad_(config.patch_head == "trained")
    return Strm(
        patches=patches,
        frames=frames,
        transformers=transformers,
        patch_head=patch_head,
        patch_weight=config.patch_weight,
    )
