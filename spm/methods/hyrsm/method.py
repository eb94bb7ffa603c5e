"""HyRSM: hybrid relations and set matching (Wang et al., CVPR 2022), and HyRSM++ (2024).

    f_S, f_Q ─ positions ─ attention within a clip ─ x ─┬──────────── W_c x ────────── L_class ┐
                                                        ├─ mean over T ─ attention among clips │
                                                        └── W_f [x; o] ─ y ─┬─ −d ─────── L_CE ├─ L
                                                                            └───────── L_smooth┘

The attention among clips sees the supports and one query, so each query has its own version of the
supports. d is Bi-MHM of the frames y. L = L_CE + class_weight L_class + smoothness_weight L_smooth;
L_smooth makes HyRSM++ and changes training alone.
Shapes: `...` episodes, `N` classes, `S` supports, `R` support items (N means or S clips), `Q`
queries, `T` frames, `C` channels.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from spm.methods.base import (
    Alignment,
    EpisodeFeatures,
    EpisodePixels,
    Losses,
    Method,
    QueryFeatures,
    cross_entropy,
)
from spm.methods.hyrsm import released
from spm.methods.hyrsm.config import Config, Supports
from spm.methods.hyrsm.smoothness import Smoothness
from spm.methods.hyrsm.task import Fusion, PerQuery, TaskAttention
from spm.nn.head_width import head_width
from spm.nn.positions import ScaledPositions
from spm.nn.prototypes import class_means, mean_over_class, pairs_over_class
from spm.nn.set_distance import Reduction, bi_mhm, exact_frame_distance, matches
from spm.nn.transformer import Attention
from spm.nn.video_text import classes_of


class HyRSM(Method):
    """Classifies by set distances of frames that know the episode; inductive, uses no texts."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_class", "L_smooth")
    released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.", released.CLASSIFIER)
    training_heads: ClassVar[tuple[str, ...]] = ("classifier.*",)

    def __init__(
        self,
        *,
        positions: ScaledPositions,
        within: Attention,
        among: TaskAttention,
        fusion: Fusion,
        classifier: nn.Linear | None,
        smoothness: Smoothness,
        supports: Supports,
        frame_reduction: Reduction,
        class_weight: float,
        smoothness_weight: float,
    ) -> None:
        """classifier: W_c, of the training classes; None: L_class is 0."""
        super().__init__()
        self.positions, self.within = positions, within
        self.among, self.fusion = among, fusion
        self.classifier, self.smoothness = classifier, smoothness
        self.supports, self.frame_reduction = supports, frame_reduction
        self.class_weight, self.smoothness_weight = class_weight, smoothness_weight

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        return self.logits(self.fused(episode), episode)

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + class_weight L_class + smoothness_weight L_smooth; no part is apart."""
        support, query = self.enriched(episode.support), self.enriched(episode.query)
        fused = self.fuse(self.item(support), self.item(query), episode)
        logits = self.logits(fused, episode)

        L_CE = cross_entropy(logits, query_labels)
        labels = torch.cat([episode.support_labels, query_labels], dim=-1)
        L_class = self.class_loss(torch.cat([support, query], dim=-3), labels, classes, like=L_CE)
        L_smooth = self.smoothness_loss(fused, like=L_CE)
        return Losses(
            total=L_CE + self.class_weight * L_class + self.smoothness_weight * L_smooth,
            regularizers=torch.zeros_like(L_CE),
            terms={"L_CE": L_CE, "L_class": L_class, "L_smooth": L_smooth},
            logits=logits,
        )

    def prepare_query(self, features: Tensor) -> Tensor:
        """All that precedes the attention among clips: `item`, [clips, 1 + T, C]."""
        return self.item(self.enriched(features))

    def fused(self, episode: EpisodeFeatures) -> PerQuery:
        """The frames y of the supports [..., Q, R, T, C] and of the queries [..., Q, T, C]."""
        if episode.prepared is not None:
            return self.fuse(episode.prepared.support, episode.prepared.query, episode)
        support, query = self.enriched(episode.support), self.enriched(episode.query)
        return self.fuse(self.item(support), self.item(query), episode)

    def enriched(self, clips: Tensor) -> Tensor:
        """x, frames after positions and attention within their clip: [..., T, C] both."""
        placed = self.positions(clips)
        return torch.relu(self.within(placed) + placed)

    def item(self, enriched: Tensor) -> Tensor:
        """A clip's token and W_1 x + b of its frames: [..., T, C] -> [..., 1 + T, C].

        Both are linear in x, so the mean over a class of items is the item of the mean of x.
        """
        token = enriched.mean(dim=-2, keepdim=True)
        return torch.cat([token, self.fusion.of_frames(enriched)], dim=-2)

    def fuse(self, support: Tensor, query: Tensor, episode: EpisodeFeatures) -> PerQuery:
        """y from the items of the supports [..., S, 1 + T, C] and of the queries."""
        if self.supports == "mean":
            labels, classes = episode.support_labels, episode.num_classes
            support = class_means(support, labels, num_classes=classes)
        tokens = self.among(support[..., 0, :], query[..., 0, :])
        return PerQuery(
            support[..., None, :, 1:, :] + self.fusion.of_task(tokens.support)[..., None, :],
            query[..., 1:, :] + self.fusion.of_task(tokens.query)[..., None, :],
        )

    def logits(self, fused: PerQuery, episode: EpisodeFeatures) -> Tensor:
        """−d, [..., Q, N]; of separate supports the mean over those of a class."""
        of_frames = exact_frame_distance(fused.query, fused.support)  # [..., Q, R, T, T]
        distance = bi_mhm(of_frames, reduction=self.frame_reduction)
        if self.supports == "mean":
            return -distance
        return -mean_over_class(distance, episode.support_labels, num_classes=episode.num_classes)

    def class_loss(
        self, clips: Tensor, labels: Tensor, classes: Tensor | None, *, like: Tensor
    ) -> Tensor:
        """L_class [...], the mean over all frames x [..., S + Q, T, C] of the cross entropy of W_c.

        labels [..., S + Q] are the clips', classes [..., N] the training classes that they mean.
        Zeros like `like` without W_c or without `classes`.
        """
        if self.classifier is None or classes is None:
            return torch.zeros_like(like)
        of_clips = classes_of(classes, labels)
        of_frames = of_clips[..., None].expand(clips.shape[:-1]).flatten(-2)
        return cross_entropy(self.classifier(clips).flatten(-3, -2), of_frames)

    def smoothness_loss(self, fused: PerQuery, *, like: Tensor) -> Tensor:
        """L_smooth [...]: the mean over all versions of supports + the mean over queries."""
        if self.smoothness_weight == 0:
            return torch.zeros_like(like)
        of_supports = self.smoothness(fused.support).mean(dim=(-2, -1))
        return of_supports + self.smoothness(fused.query).mean(dim=-1)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """Nearest frames y of queries and support items, averaged over each class."""
        fused = self.fused(episode)
        distance = exact_frame_distance(fused.query, fused.support)
        found = Alignment(distance, matches(distance, reduction=self.frame_reduction))
        if self.supports == "mean":
            return found
        labels, classes = episode.support_labels, episode.num_classes
        return Alignment(*(pairs_over_class(each, labels, num_classes=classes) for each in found))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """y of the queries. The attention among clips sees the supports and one query."""
        return QueryFeatures(self.fused(episode).query, "y, after both relations")

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)


def build(config: Config, *, channels: int, train_classes: int | None = None, **_: object) -> HyRSM:
    """HyRSM as `config` describes it, with random weights. channels: C.

    train_classes: number of training classes; None builds no W_c. Raises ConfigError if the heads
    do not divide the channels.
    """
    head_dim = head_width(channels, heads=config.heads)
    classes = train_classes if config.class_weight > 0 else None
    return HyRSM(
        positions=ScaledPositions(
            scale=config.position_scale, weight=config.position_weight, dropout=config.dropout
        ),
        within=Attention(
            channels,
            heads=config.heads,
            head_dim=head_dim,
            dropout=config.attention_dropout,
            joint=True,
        ),
        among=TaskAttention(channels, heads=config.heads, dropout=config.task_dropout),
        fusion=Fusion(channels),
        classifier=None if classes is None else nn.Linear(channels, classes),
        smoothness=Smoothness(config.window, config.tau, config.far_weight),
        supports=config.supports,
        frame_reduction=config.frame_reduction,
        class_weight=config.class_weight,
        smoothness_weight=config.smoothness_weight,
    )
