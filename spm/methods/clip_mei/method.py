"""CLIP-MEI: prompts for queries, class means as tokens, consistent motion (KBS 2025, 113965).

    f_S, f_Q ─┬─ MIC ──────────────────────────────────────────────────────────── L_motion
              └─ QSA ─┬─ D₁ = OTAM ──────────────┬─ logits = −(distance_weight · D₁ + D₂)
    class texts ──┘   ├─ TFE ─ D₂ = OTAM + OTAM ─┘
                      └─ consistency of the queries ────────── L_consistency, L_prompt

    QSA   [·, f'_k] = E(text of k, f_k),  [τ'_q, f'_q] = E(PG(f_q), f_q)
    E     [p', f'] = Tr₂([p, f + prompt_weight · p])
    PG    Υ(mean text of the episode's classes ⊙ mean of f over time and channels)
    L     L_CE + consistency_weight · (L_consistency + L_prompt + a · L_motion), a learned

CLIP-MEI is CLIP-SPM's ancestor: E is SF without gates, TFE is PADM, MIC is HSMR with means and
squares. It is transductive through TFE. The release takes PG's mean text over the queries' true
classes. Over the episode's classes, as here, it is the same with balanced queries, and no query
label enters.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
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
from spm.methods.clip_mei import released
from spm.methods.clip_mei.config import Config
from spm.nn.class_text import required, texts_of
from spm.nn.configured_transformer import configured_transformer
from spm.nn.consistency import consistency_distance, reduce_clips
from spm.nn.dual_modulation import DualModulation
from spm.nn.motion_refinement import HierarchicalMotionRefinement
from spm.nn.otam import alignment, frame_distance, sequence_distances
from spm.nn.prompt_generator import PromptGenerator
from spm.nn.prototypes import class_means
from spm.nn.semantic_fusion import SemanticFusion


class Adapted(NamedTuple):
    """The output of QSA."""

    support: Tensor
    """f'_k [..., S, T, C]"""
    query: Tensor
    """f'_q [..., Q, T, C]"""
    generated: Tensor
    """PG(f_q) [..., Q, 1, C]"""
    token: Tensor
    """τ'_q [..., Q, 1, C], what E made of PG(f_q)."""


class ClipMei(Method):
    """QSA, TFE and MIC, compared by OTAM; transductive."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_consistency", "L_prompt", "L_motion")
    released_unused: ClassVar[tuple[str, ...]] = released.UNUSED
    transductive = True

    def __init__(
        self,
        *,
        fusion: SemanticFusion,
        generator: PromptGenerator,
        tfe: DualModulation,
        mic: HierarchicalMotionRefinement,
        otam_lambda: float,
        distance_weight: float,
        consistency_weight: float,
    ) -> None:
        """fusion: E, which QSA and MIC share. generator: PG. The values: config.py."""
        super().__init__()
        self.fusion, self.generator, self.tfe, self.mic = fusion, generator, tfe, mic
        self.motion_weight = nn.Parameter(torch.ones(1))
        self.otam_lambda = otam_lambda
        self.distance_weight = distance_weight
        self.consistency_weight = consistency_weight

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError without class texts."""
        return self.logits(self.adapt(episode), episode)

    def classify_each(self, episode: EpisodeFeatures) -> Tensor:
        """Inductive logits [..., Q, N]. Only TFE mixes queries, so QSA still runs once for all."""
        adapted = self.adapt(episode)
        alone = torch.split(adapted.query, 1, dim=-3)
        each = [self.logits(adapted._replace(query=one), episode) for one in alone]
        return torch.cat(each, dim=-2)

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + consistency_weight · (L_consistency + L_prompt + a · L_motion).

        Only L_consistency and L_prompt use the texts of the queries' classes.
        """
        adapted = self.adapt(episode)
        logits = self.logits(adapted, episode)

        L_CE = cross_entropy(logits, query_labels)
        L_consistency, L_prompt = self.semantic_losses(adapted, episode, query_labels)
        L_motion = self.motion_loss(episode)

        weighted_motion = self.motion_weight.squeeze() * L_motion
        regularizers = self.consistency_weight * (L_consistency + L_prompt + weighted_motion)
        terms = (L_CE, L_consistency, L_prompt, L_motion)
        return Losses(
            total=L_CE + regularizers,
            regularizers=regularizers,
            terms=dict(zip(self.terms, terms, strict=True)),
            logits=logits,
        )

    def adapt(self, episode: EpisodeFeatures) -> Adapted:
        """QSA. Raises ValueError without class texts."""
        class_text = required(episode.class_text, by=Config.title)
        generated = self.generator(class_text[..., None, :], episode.query)
        token, query = self.fusion(generated, episode.query)
        return Adapted(self._support(episode, class_text), query, generated, token)

    def _support(self, episode: EpisodeFeatures, class_text: Tensor) -> Tensor:
        if episode.prepared is not None:
            return episode.prepared.support
        text = texts_of(class_text, episode.support_labels)
        _, support = self.fusion(text, episode.support)
        return support  # type: ignore[no-any-return]

    def prepare_query(self, features: Tensor) -> Tensor:
        """A query as it is [clips, T, C]: its prompt depends on the texts of the episode."""
        return features

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """A support after QSA [clips, T, C]."""
        text = required(texts, by=Config.title)[:, None]
        support: Tensor = self.fusion(text, features)[1]
        return support

    def logits(self, adapted: Adapted, episode: EpisodeFeatures) -> Tensor:
        """−(distance_weight · D₁ + D₂) [..., Q, N]."""
        labels, classes = episode.support_labels, episode.num_classes
        tfe = self.tfe(adapted.support, labels, adapted.query, num_classes=classes)
        D_1, of_queries, of_tokens = sequence_distances(
            (adapted.query, class_means(adapted.support, labels, num_classes=classes)),
            (tfe.query, class_means(tfe.support, labels, num_classes=classes)),
            (tfe.anchor, tfe.prototypes),
            lam=self.otam_lambda,
        )
        D_2 = of_queries + of_tokens
        return -(self.distance_weight * D_1 + D_2)

    def semantic_losses(
        self, adapted: Adapted, episode: EpisodeFeatures, query_labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """L_consistency and L_prompt [...], means over the queries.

        [τ°, f°] = E(true text of q, f_q). L_consistency = ‖[τ°, f°] − [τ', f']‖²,
        L_prompt = ½ (‖true text − PG(f_q)‖² + ‖τ° − τ'‖²).
        """
        true_text = texts_of(required(episode.class_text, by=Config.title), query_labels)
        true_token, true_query = self.fusion(true_text, episode.query)
        of_frames = _distance(true_query, adapted.query)
        of_tokens = _distance(true_token, adapted.token)
        of_texts = _distance(true_text, adapted.generated)
        consistency = (of_tokens + of_frames).mean(dim=-1)
        return consistency, 0.5 * (of_texts + of_tokens).mean(dim=-1)

    def motion_loss(self, episode: EpisodeFeatures) -> Tensor:
        """L_motion [...]: MIC's mean over supports + its mean over queries."""
        sides = (self.mic(each, fusion=self.fusion) for each in (episode.support, episode.query))
        return reduce_clips(*sides, how="mean")

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The alignment behind D₁: of the frames after QSA with the class means."""
        adapted = self.adapt(episode)
        prototypes = class_means(
            adapted.support, episode.support_labels, num_classes=episode.num_classes
        )
        distance = frame_distance(adapted.query, prototypes).double()
        return Alignment(distance, alignment(distance, lam=self.otam_lambda))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """f'_q, before TFE, in which queries attend to each other. PG's prompt has the mean of the
        class texts, the same for every query."""
        return QueryFeatures(self.adapt(episode).query, "f', after QSA and before TFE")

    def protocol(self, *, queries: int, shot: int) -> str:
        """Transductive: TFE mixes the queries of an episode."""
        return (
            f"transductive: in TFE a class token is {queries}/{queries + shot} queries, and "
            "queries attend to each other"
        )

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """‖x − y‖² of each clip: [..., clips, L, C] both -> [..., clips]."""
    return consistency_distance(x, y, kind="squared")


def build(config: Config, *, channels: int, **_: object) -> ClipMei:
    """CLIP-MEI as `config` describes it, with random weights. channels: C."""
    head_dim = config.dim // config.heads
    fusion = SemanticFusion(
        channels,
        fusion="sum+concat",
        alpha=config.prompt_weight,
        transformer=configured_transformer(config, channels, head_dim=head_dim),
    )
    generator = PromptGenerator(
        channels,
        hidden_dim=config.hidden_dim,
        dropout=config.dropout,
        visual_mean="time+channels",
    )
    tfe = DualModulation(configured_transformer(config, channels, head_dim=head_dim))
    mic = HierarchicalMotionRefinement(channels, reduction="mean", distance="squared")
    return ClipMei(
        fusion=fusion,
        generator=generator,
        tfe=tfe,
        mic=mic,
        otam_lambda=config.otam_lambda,
        distance_weight=config.distance_weight,
        consistency_weight=config.consistency_weight,
    )
