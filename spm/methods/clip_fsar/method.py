"""CLIP-FSAR: class texts modulate the supports (Wang et al., IJCV 2023).

    supports f_k ─ P_n = mean over class n of Tr([f_k, text of k]) ─┐
                                                                    ├─ logits = −OTAM(f'_q, P_n)
    queries  f_q ─ f'_q = Tr(f_q) ──────────────────────────────────┘

Supports and queries share the Transformer Tr. A text is one more token after the frames of a clip,
and the token that comes of it is dropped; a query passes without one. In training a second loss
pulls the mean frame of every clip towards the text of its class, among all training classes:

    u = s · cos(mean frame, texts of the training classes),  L = L_CE + text_weight · CE(u)

s is a learned scalar. `test_text` lets s · cos classify queries among the episode's classes too,
alone or multiplied with OTAM's probabilities.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.base import (
    Alignment,
    EpisodeFeatures,
    EpisodePixels,
    Losses,
    Method,
    QueryFeatures,
    cross_entropy,
)
from spm.methods.clip_fsar.config import Config, Supports, TestText
from spm.nn.class_text import required, texts_of
from spm.nn.configured_transformer import configured_transformer
from spm.nn.cosine import exact_cosine
from spm.nn.otam import alignment, frame_distance, sequence_distance
from spm.nn.precision import at_least_float32
from spm.nn.prototypes import class_means
from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated
from spm.nn.video_text import text_loss

_DISTANCE_SCALE = 8.0
"""OTAM's distance becomes (8 − D) / 8 before its softmax, whatever T is."""


class ClipFsar(Method):
    """Text-modulated prototypes, compared by OTAM; inductive."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_text")

    def __init__(
        self,
        transformer: nn.Sequential,
        *,
        otam_lambda: float,
        supports: Supports,
        text_weight: float,
        test_text: TestText,
        text_coefficient: float,
    ) -> None:
        """transformer: Tr, its layers. The values are explained in config.py."""
        super().__init__()
        self.transformer = transformer
        self.scale = nn.Parameter(torch.ones(1))
        self.otam_lambda = otam_lambda
        self.supports = supports
        self.text_weight = text_weight
        self.test_text = test_text
        self.text_coefficient = text_coefficient

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]: −OTAM; with `test_text`, the logarithm of its score."""
        if self.test_text == "none":
            return -self.distances(episode)
        by_text = self._text_log_probabilities(episode)
        if self.test_text == "only":
            return by_text
        scaled = (_DISTANCE_SCALE - self.distances(episode)) / _DISTANCE_SCALE
        by_frames = F.log_softmax(scaled, dim=-1)
        return self.text_coefficient * by_text + (1 - self.text_coefficient) * by_frames

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + text_weight · L_text. The logits are −OTAM, whatever `test_text` is.

        Without the training classes, L_text is 0.
        """
        logits = -self.distances(episode)
        L_CE = cross_entropy(logits, query_labels)
        L_text = text_loss(
            torch.cat([episode.support, episode.query], dim=-3),
            torch.cat([episode.support_labels, query_labels], dim=-1),
            classes=classes,
            all_text=all_text,
            scale=self.scale,
            like=L_CE,
        )
        return Losses(
            total=L_CE + self.text_weight * L_text,
            regularizers=torch.zeros_like(L_CE),
            terms={"L_CE": L_CE, "L_text": L_text},
            logits=logits,
        )

    def distances(self, episode: EpisodeFeatures) -> Tensor:
        """OTAM(f'_q, P_n) [..., Q, N]."""
        return sequence_distance(*self.modulate(episode), lam=self.otam_lambda)

    def modulate(self, episode: EpisodeFeatures) -> tuple[Tensor, Tensor]:
        """f'_q [..., Q, T, C] and P_n [..., N, T, C]. Raises ValueError without class texts."""
        return self._queries(episode), self._prototypes(episode)

    def _queries(self, episode: EpisodeFeatures) -> Tensor:
        if episode.prepared is not None:
            return episode.prepared.query
        out: Tensor = self.transformer(episode.query)
        return out

    def _prototypes(self, episode: EpisodeFeatures) -> Tensor:
        class_text = required(episode.class_text, by=Config.title)
        labels, classes = episode.support_labels, episode.num_classes
        if self.supports == "mean":
            means = class_means(episode.support, labels, num_classes=classes)
            return self._with_text(means, class_text[..., None, :])
        if episode.prepared is not None:
            return class_means(episode.prepared.support, labels, num_classes=classes)
        modulated = self._with_text(episode.support, texts_of(class_text, labels))
        return class_means(modulated, labels, num_classes=classes)

    def _with_text(self, frames: Tensor, text: Tensor) -> Tensor:
        """Tr([f, text]) without its last token: [..., T, C], [..., 1, C] -> [..., T, C]."""
        out: Tensor = self.transformer(torch.cat([frames, text], dim=-2))
        return out[..., :-1, :]

    def prepare_query(self, features: Tensor) -> Tensor:
        """A clip after Tr, [clips, T, C]."""
        out: Tensor = self.transformer(features)
        return out

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """A clip after Tr with the text of its class, [clips, T, C]. `supports: mean` averages the
        supports before Tr, so that they stay as they are."""
        if self.supports == "mean":
            return features
        return self._with_text(features, required(texts, by=Config.title)[:, None])

    def _text_log_probabilities(self, episode: EpisodeFeatures) -> Tensor:
        """log softmax_n(s · cos(mean frame of q, text of n)) [..., Q, N]."""
        class_text = required(episode.class_text, by=Config.title)
        with at_least_float32(episode.query, class_text, self.scale) as (query, text, scale):
            return F.log_softmax(scale * exact_cosine(query.mean(dim=-2), text), dim=-1)

    def explain(self, episode: EpisodeFeatures) -> Alignment | None:
        """The alignment behind OTAM: of the frames of f'_q with those of P_n."""
        if self.test_text == "only":
            return None
        distance = frame_distance(*self.modulate(episode)).double()
        return Alignment(distance, alignment(distance, lam=self.otam_lambda))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """f'_q. No text enters a query."""
        return QueryFeatures(self._queries(episode), "f', after the Transformer without a text")

    @staticmethod
    def released_name(name: str) -> str:
        """Our name of a tensor -> its name in the release.

        >>> ClipFsar.released_name("transformer.1.attention.to_out.bias")
        'context2.layers.1.0.fn.to_out.0.bias'
        """
        if name == "scale":
            return name
        _, layer, within = name.split(".", maxsplit=2)
        first = translated(within, WITHIN_A_TRANSFORMER)
        return f"context2.{first.replace('layers.0', f'layers.{layer}', 1)}"


def build(config: Config, *, channels: int, **_: object) -> ClipFsar:
    """CLIP-FSAR as `config` describes it, with random weights. channels: C.

    Raises ConfigError if `heads` does not divide C.
    """
    layers = (configured_transformer(config, channels) for _ in range(config.depth))
    return ClipFsar(
        nn.Sequential(*layers),
        otam_lambda=config.otam_lambda,
        supports=config.supports,
        text_weight=config.text_weight,
        test_text=config.test_text,
        text_coefficient=config.text_coefficient,
    )
