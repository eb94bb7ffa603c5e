"""MoLo: motion-augmented long-short contrast (Wang et al., CVPR 2023), as its authors released it.

    maps ─┬─ mean over positions ─ appearance stream ─ b ─┐
          └─ differences ──┬────── motion stream ────── m ┴─ −(d_b + α d_m) ─ logits
                           └─ decoder ─ differences of RGB frames      (training)

Each stream puts a learned long-range token before its frames. The distance of query and class is
the set distance of their frames, tokens left out; a class is the mean of its supports. In training
each clip's token is also contrasted with the other clip's frames. It differs from the paper, whose
contrast is a ratio of summed similarities to positives over all.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `n` clips, `T` frames, `C` channels,
`H`, `W` of the maps, which may have any size.
"""

from typing import ClassVar, NamedTuple

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
from spm.methods.molo import released
from spm.methods.molo.config import Config
from spm.methods.molo.motion import Decoder, MapDifferences, reconstruction_loss, reduced
from spm.methods.molo.stream import Stream
from spm.nn.head_width import head_width
from spm.nn.otam import frame_distance
from spm.nn.positions import ScaledPositions
from spm.nn.precision import at_least_float32
from spm.nn.prototypes import class_means
from spm.nn.set_distance import bi_mhm, matches
from spm.nn.transformer import Attention, FeedForward
from spm.nn.video_text import classes_of


class Sequences(NamedTuple):
    """What the streams make of clips. Position 0 is the token."""

    appearance: Tensor
    """b [..., n, 1 + T, C]"""
    motion: Tensor
    """m [..., n, 1 + T−1, C]"""


class Molo(Method):
    """Classifies by the set distances of two streams; inductive, uses no texts."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_class", "L_contrast", "L_reconstruct")
    released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.", *released.IN_TRAINING)
    training_heads: ClassVar[tuple[str, ...]] = ("classifier.*", "decoder.*")

    def __init__(
        self,
        *,
        appearance: Stream,
        motion: Stream,
        differences: MapDifferences,
        classifier: nn.Linear | None,
        decoder: Decoder | None,
        motion_weight: float,
        class_weight: float,
        contrast_weight: float,
        reconstruction_weight: float,
    ) -> None:
        """classifier, decoder: None for a weight of 0, or without training classes."""
        super().__init__()
        self.appearance, self.motion, self.differences = appearance, motion, differences
        self.classifier, self.decoder = classifier, decoder
        self.scale = nn.Parameter(torch.ones(1))
        self.scale_motion = nn.Parameter(torch.ones(1))
        self.motion_weight = motion_weight
        self.class_weight = class_weight
        self.contrast_weight = contrast_weight
        self.reconstruction_weight = reconstruction_weight

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]."""
        return self._logits(self._distances(*self._sides(episode), episode))

    def prepare_query(self, features: Tensor) -> Tensor:
        """Both sequences of each clip, one after the other: [clips, 2T + 1, C]."""
        return torch.cat(self._sequences(features, self.differences(features)), dim=-2)

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + λ_c L_class + λ_l L_contrast + λ_r L_reconstruct.

        The last is the regulariser: the release divides it neither by Q nor by train.accumulate.
        Raises ValueError without pixels where λ_r > 0.
        """
        clips = torch.cat([episode.support, episode.query], dim=-5)
        differences = self.differences(clips)
        sequences = self._sequences(clips, differences)
        distances = self._distances(*_split(sequences, episode), episode)
        logits = self._logits(distances)
        labels = torch.cat([episode.support_labels, query_labels], dim=-1)

        L_CE = cross_entropy(logits, query_labels)
        L_class = self._class_loss(sequences, labels, classes, like=L_CE)
        L_contrast = self._contrast_loss(distances, query_labels)
        L_reconstruct = self._reconstruction_loss(differences, pixels, like=L_CE)
        regularizers = self.reconstruction_weight * L_reconstruct
        return Losses(
            total=L_CE
            + self.class_weight * L_class
            + self.contrast_weight * L_contrast
            + regularizers,
            regularizers=regularizers,
            terms={
                "L_CE": L_CE,
                "L_class": L_class,
                "L_contrast": L_contrast,
                "L_reconstruct": L_reconstruct,
            },
            logits=logits,
        )

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The nearest frames in the appearance stream, the greater part of the distance."""
        distances = self._distances(*self._sides(episode), episode)
        distance = distances.appearance[..., 1:, 1:].double()
        return Alignment(distance, matches(distance, reduction="sum"))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """The frames of the appearance stream, without its token."""
        _, query = self._sides(episode)
        return QueryFeatures(query.appearance[..., 1:, :], "b, the frames of the appearance stream")

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)

    def _sequences(self, maps: Tensor, differences: Tensor) -> Sequences:
        """maps [..., n, T, C, H, W] and their differences -> b, m."""
        frames = maps.mean(dim=(-2, -1))
        return Sequences(
            self.appearance(frames), self.motion(self.differences.features(differences))
        )

    def _sides(self, episode: EpisodeFeatures) -> tuple[Sequences, Sequences]:
        """The sequences of supports and queries, prepared or not."""
        if episode.prepared is not None:
            support, query = (
                Sequences(*torch.split(each, _lengths(each.shape[-2]), dim=-2))
                for each in episode.prepared
            )
            return support, query
        clips = torch.cat([episode.support, episode.query], dim=-5)
        return _split(self._sequences(clips, self.differences(clips)), episode)

    def _distances(
        self, support: Sequences, query: Sequences, episode: EpisodeFeatures
    ) -> Sequences:
        """1 − cos of all positions of queries and classes, tokens included: [..., Q, N, L, L]."""
        distances = []
        for of_support, of_query in zip(support, query, strict=True):
            prototypes = class_means(
                of_support, episode.support_labels, num_classes=episode.num_classes
            )
            with at_least_float32(of_query, prototypes) as (x, y):
                distances.append(frame_distance(x, y))
        return Sequences(*distances)

    def _logits(self, distances: Sequences) -> Tensor:
        """−(d_b + α d_m), [..., Q, N]."""
        d_b, d_m = (bi_mhm(each[..., 1:, 1:], reduction="sum") for each in distances)
        return -(d_b + self.motion_weight * d_m)

    def _class_loss(
        self, sequences: Sequences, labels: Tensor, classes: Tensor | None, *, like: Tensor
    ) -> Tensor:
        """L_class [...] over all clips, labels [..., n]. Zeros like `like` without the head."""
        if self.classifier is None or classes is None:
            return torch.zeros_like(like)
        clips = sequences.appearance.mean(dim=-2) + sequences.motion.mean(dim=-2)
        return cross_entropy(self.classifier(clips), classes_of(classes, labels))

    def _contrast_loss(self, distances: Sequences, query_labels: Tensor) -> Tensor:
        """L_contrast [...]: token against frames, in both directions and both streams, summed."""
        of_streams = []
        for distance, scale in zip(distances, (self.scale, self.scale_motion), strict=True):
            query_token = -scale * distance[..., 0, 1:].sum(dim=-1)
            class_token = -scale * distance[..., 1:, 0].sum(dim=-1)
            of_streams += [query_token, class_token]
        losses = [cross_entropy(logits, query_labels) for logits in of_streams]
        return torch.stack(losses).sum(dim=0)

    def _reconstruction_loss(
        self, differences: Tensor, pixels: EpisodePixels | None, *, like: Tensor
    ) -> Tensor:
        """L_reconstruct [...] over all clips. Zeros like `like` without the decoder."""
        if self.decoder is None:
            return torch.zeros_like(like)
        if pixels is None:
            raise ValueError(
                "MoLo reconstructs the clips' differences, and no pixels came (pixels is None): "
                "pass the clips, or set model.reconstruction_weight to 0"
            )
        clips = torch.cat(pixels, dim=-5)
        height, width = clips.shape[-2:]
        return reconstruction_loss(self.decoder(differences, size=(height, width)), clips)


def _lengths(joined: int) -> list[int]:
    """The lengths of b and m that `prepare_query` joined: 1 + T and T."""
    return [joined - joined // 2, joined // 2]


def _split(sequences: Sequences, episode: EpisodeFeatures) -> tuple[Sequences, Sequences]:
    """The sequences of all clips -> of supports, and of queries."""
    sides = [episode.support.shape[-5], episode.query.shape[-5]]
    support, query = zip(*(torch.split(each, sides, dim=-3) for each in sequences), strict=True)
    return Sequences(*support), Sequences(*query)


def build(config: Config, *, channels: int, train_classes: int | None, **_: object) -> Molo:
    """MoLo as `config` describes it, with random weights. channels: C.

    Raises ConfigError if the heads do not divide C.
    """
    has_classes = train_classes is not None and config.class_weight > 0
    return Molo(
        appearance=_stream(config, channels),
        motion=_stream(config, channels),
        differences=MapDifferences(channels),
        classifier=nn.Linear(channels, train_classes or 0) if has_classes else None,
        decoder=Decoder(reduced(channels)) if config.reconstruction_weight > 0 else None,
        motion_weight=config.motion_weight,
        class_weight=config.class_weight,
        contrast_weight=config.contrast_weight,
        reconstruction_weight=config.reconstruction_weight,
    )


def _stream(config: Config, channels: int) -> Stream:
    return Stream(
        channels,
        positions=ScaledPositions(
            scale=config.position_scale, weight=config.position_weight, dropout=config.dropout
        ),
        attention=Attention(
            channels,
            heads=config.heads,
            head_dim=head_width(channels, heads=config.heads),
            dropout=config.attention_dropout,
            joint=True,
        ),
        feed=FeedForward(
            channels, hidden_dim=config.hidden_dim, dropout=config.feed_forward_dropout
        ),
    )
