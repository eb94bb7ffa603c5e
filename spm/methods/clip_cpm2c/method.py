"""CLIP-CPM2C: prompts for frames and for motion, of supports by texts, of queries by learned tokens
(Guo et al., Neurocomputing 2025).

    frames f         ┬─ support k: E(text of k, ·) ── mean over class n: P_n ┐
    motion of f      ┴─ query q:   E(token,     ·) ───────────────────── q' ─┴─ D = OTAM(P_n, q')

    E(p, f) = Tr([p, f + 0.1 p])         logits = −(D of frames + motion_weight · D of motion)

The two streams share the Transformer Tr; each has a learned token of its own, the same for every
class. An alignment leaves the prompt's token out. In training, the other prompt of each clip, the
token of a support and the true text of a query, has to give the same features:

    L_consistency = Σ over both streams: ‖E(token, ·) − E(text, ·)‖², mean over S + mean over Q

Every prompt is added to the features as they come. The authors' code adds a query's true text
before it adds the learned token, also when it classifies, so that the label leaks into the logits.
Their term of the logits with the weight 0 is left out.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels, and
`L` = 2T + 1 tokens, of frames (1 + T) and of motion (1 + T − 1).
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
    Prepared,
    QueryFeatures,
    cross_entropy,
)
from spm.methods.clip_cpm2c.config import Config
from spm.nn.class_text import required, texts_of
from spm.nn.configured_transformer import configured_transformer
from spm.nn.consistency import consistency_distance, reduce_clips
from spm.nn.motion_features import MotionFeatureExtraction
from spm.nn.otam import alignment, frame_distance, sequence_distance
from spm.nn.prototypes import class_means
from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated
from spm.nn.semantic_fusion import SemanticFusion
from spm.nn.video_text import text_loss, weight_of_sum

_RELEASED = {
    "fusion.transformer.": "context2.",
    "mfe.conv": "motion_conv",
    "frames_token": "class_token",
    "motion_token": "class_token_motion",
}


class ClipCPM2C(Method):
    """Two streams, each prompted and compared by OTAM; inductive."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_text", "L_consistency")

    def __init__(
        self,
        channels: int,
        *,
        fusion: SemanticFusion,
        otam_lambda: float,
        motion_weight: float,
        text_weight: float,
        consistency_weight: float,
    ) -> None:
        """fusion: E. The values are explained in config.py."""
        super().__init__()
        self.fusion = fusion
        self.mfe = MotionFeatureExtraction(channels, reduction="mean")
        self.frames_token = nn.Parameter(torch.randn(1, 1, channels))
        self.motion_token = nn.Parameter(torch.randn(1, 1, channels))
        self.scale = nn.Parameter(torch.ones(1))
        self.otam_lambda = otam_lambda
        self.motion_weight = motion_weight
        self.text_weight = text_weight
        self.consistency_weight = consistency_weight

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError without class texts."""
        return self.logits(self.prompt(episode), episode)

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + text_weight (S + Q) / Q L_text + consistency_weight L_consistency.

        Without the training classes, L_text is 0.
        """
        prompted = self.prompt(episode)
        logits = self.logits(prompted, episode)

        L_CE = cross_entropy(logits, query_labels)
        L_text = text_loss(
            torch.cat([episode.support, episode.query], dim=-3),
            torch.cat([episode.support_labels, query_labels], dim=-1),
            classes=classes,
            all_text=all_text,
            scale=self.scale,
            like=L_CE,
        )
        L_consistency = self.consistency_loss(prompted, episode, query_labels)

        text_weight = weight_of_sum(
            self.text_weight, support_labels=episode.support_labels, query_labels=query_labels
        )
        regularizers = self.consistency_weight * L_consistency
        return Losses(
            total=L_CE + text_weight * L_text + regularizers,
            regularizers=regularizers,
            terms={"L_CE": L_CE, "L_text": L_text, "L_consistency": L_consistency},
            logits=logits,
        )

    def prompt(self, episode: EpisodeFeatures) -> Prepared:
        """E of both streams, [..., S, L, C] of supports and [..., Q, L, C] of queries."""
        if episode.prepared is not None:
            return episode.prepared
        class_text = required(episode.class_text, by=Config.title)
        text = texts_of(class_text, episode.support_labels)
        return Prepared(self.by_text(episode.support, text), self.by_token(episode.query))

    def prepare_query(self, features: Tensor) -> Tensor:
        """A clip prompted by the learned token, [clips, L, C]."""
        return self.by_token(features)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """A clip prompted by the text of its class, [clips, L, C]."""
        return self.by_text(features, required(texts, by=Config.title)[:, None])

    def by_text(self, frames: Tensor, text: Tensor) -> Tensor:
        """E(text, ·) of both streams: frames [..., T, C], text [..., 1, C] -> [..., L, C]."""
        return self._both_streams(frames, text, text)

    def by_token(self, frames: Tensor) -> Tensor:
        """E(learned token, ·) of both streams: frames [..., T, C] -> [..., L, C]."""
        prompts = (
            token.expand(*frames.shape[:-2], 1, -1)
            for token in (self.frames_token, self.motion_token)
        )
        return self._both_streams(frames, *prompts)

    def _both_streams(self, frames: Tensor, of_frames: Tensor, of_motion: Tensor) -> Tensor:
        motion = 0.5 * self.mfe.steps(frames)
        streams = (self.fusion(of_frames, frames), self.fusion(of_motion, motion))
        return torch.cat([part for stream in streams for part in stream], dim=-2)

    def logits(self, prompted: Prepared, episode: EpisodeFeatures) -> Tensor:
        """−(D of frames + motion_weight · D of motion), [..., Q, N]."""
        frames, motion = (
            sequence_distance(query, prototypes, lam=self.otam_lambda)
            for query, prototypes in self._compared(prompted, episode)
        )
        return -(frames + self.motion_weight * motion)

    def _compared(
        self, prompted: Prepared, episode: EpisodeFeatures
    ) -> list[tuple[Tensor, Tensor]]:
        """Of each stream, without its prompt: queries [..., Q, ·, C], prototypes [..., N, ·, C]."""
        prototypes = class_means(
            prompted.support, episode.support_labels, num_classes=episode.num_classes
        )
        streams = zip(_streams(prompted.query), _streams(prototypes), strict=True)
        return list(streams)

    def consistency_loss(
        self, prompted: Prepared, episode: EpisodeFeatures, query_labels: Tensor
    ) -> Tensor:
        """L_consistency [...]. It alone uses the texts of the queries' classes."""
        class_text = required(episode.class_text, by=Config.title)
        by_token = self.by_token(episode.support)
        by_text = self.by_text(episode.query, texts_of(class_text, query_labels))
        of_support = consistency_distance(prompted.support, by_token, kind="squared")
        of_query = consistency_distance(prompted.query, by_text, kind="squared")
        return reduce_clips(of_support, of_query, how="mean")

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The alignment of the stream of frames; the steps of motion have none of the T frames."""
        (query, prototypes), _ = self._compared(self.prompt(episode), episode)
        distance = frame_distance(query, prototypes).double()
        return Alignment(distance, alignment(distance, lam=self.otam_lambda))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """q' of the stream of frames. A query's prompt is the learned token, and no text."""
        frames, _ = _streams(self.prompt(episode).query)
        return QueryFeatures(frames, "q', the prompted frames")

    @staticmethod
    def released_name(name: str) -> str:
        """Our name of a tensor -> its name in the release.

        >>> ClipCPM2C.released_name("mfe.conv1.bias")
        'motion_conv1.bias'
        """
        return translated(name, _RELEASED, WITHIN_A_TRANSFORMER)


def _streams(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """[..., L, C] -> frames [..., T, C] and motion [..., T − 1, C], without their prompts."""
    num_frames = tokens.shape[-2] // 2
    return tokens[..., 1 : num_frames + 1, :], tokens[..., num_frames + 2 :, :]


def build(config: Config, *, channels: int, **_: object) -> ClipCPM2C:
    """CLIP-CPM2C as `config` describes it, with random weights. channels: C.

    Raises ConfigError if `heads` does not divide C.
    """
    fusion = SemanticFusion(
        channels,
        fusion="sum+concat",
        alpha=config.prompt_weight,
        transformer=configured_transformer(config, channels),
    )
    return ClipCPM2C(
        channels,
        fusion=fusion,
        otam_lambda=config.otam_lambda,
        motion_weight=config.motion_weight,
        text_weight=config.text_weight,
        consistency_weight=config.consistency_weight,
    )
