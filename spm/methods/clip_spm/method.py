"""CLIP-SPM after the visual tower, as in the paper's Figure 1.

    f_S, f_Q ─┬─ HSMR ─ d_h ─────────────────────────────────── L_H ┐
              └─ SPM ─┬─ d_spm ──┬─ −(λ1 d_padm + λ2 d_spm) ── L_CE ├─ L = L_CE + λ3 L_H + λ4 L_S
    class texts ──┘   ├─ PADM ─ d_padm                              │
                      └─ d_s ────────────────────────────────── L_S ┘

A component that is switched off has no parameters and computes nothing.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from typing import ClassVar, Literal

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
from spm.methods.clip_spm import released
from spm.methods.clip_spm.config import Config
from spm.methods.clip_spm.modulation import (
    Modulated,
    Prompts,
    SemanticPrototypeModulation,
)
from spm.nn.class_text import required, texts_of
from spm.nn.configured_transformer import configured_transformer
from spm.nn.consistency import reduce_clips
from spm.nn.dual_modulation import DualModulation
from spm.nn.motion_refinement import HierarchicalMotionRefinement
from spm.nn.otam import alignment, frame_distance, sequence_distances
from spm.nn.prompt_generator import PromptGenerator
from spm.nn.prototypes import class_means
from spm.nn.semantic_fusion import SemanticFusion
from spm.nn.transformer import Transformer


class ClipSPM(Method):
    """HSMR (Eq. 7), SPM (Eq. 10-12) and PADM (Eq. 14). A component that is off is None."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_H", "L_S")
    released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.", released.SCALE)
    training_heads: ClassVar[tuple[str, ...]] = ("hsmr.*", "lambda3_scale")

    def __init__(
        self,
        *,
        fusion: SemanticFusion | None,
        hsmr: HierarchicalMotionRefinement | None,
        spm: SemanticPrototypeModulation | None,
        padm: DualModulation | None,
        lambdas: tuple[float, float, float, float],
        learn_lambda3: bool,
        otam_lambda: float,
        consistency_reduction: Literal["sum", "mean"],
    ) -> None:
        """fusion: the SF that HSMR and SPM share. lambdas: λ1 to λ4. otam_lambda: λ of OTAM.

        learn_lambda3: multiply λ3 by a learnable scalar that starts at 1.
        """
        super().__init__()
        self.fusion, self.hsmr, self.spm, self.padm = fusion, hsmr, spm, padm
        self.lambda1, self.lambda2, self.lambda3, self.lambda4 = lambdas
        if hsmr is not None and learn_lambda3:
            self.lambda3_scale = nn.Parameter(torch.ones(()))
        self.otam_lambda = otam_lambda
        self.consistency_reduction = consistency_reduction
        self.transductive = padm is not None

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N] (Eq. 6)."""
        modulated, _ = self.modulate(episode)
        return self.logits(modulated, episode)

    def classify_each(self, episode: EpisodeFeatures) -> Tensor:
        """Inductive logits [..., Q, N]. Only PADM mixes queries, so SPM still runs once for all."""
        modulated, _ = self.modulate(episode)
        alone = torch.split(modulated.query, 1, dim=-3)
        each = [self.logits(modulated._replace(query=one), episode) for one in alone]
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
        """L = L_CE + λ3 L_H + λ4 L_S (Eq. 15). Only L_S uses the texts of the queries' classes."""
        modulated, prompts = self.modulate(episode)
        logits = self.logits(modulated, episode)

        L_CE = cross_entropy(logits, query_labels)
        L_H = self.motion_loss(episode, like=L_CE)
        L_S = self.semantic_loss(modulated, prompts, episode, query_labels, like=L_CE)

        lambda3 = self.lambda3 * getattr(self, "lambda3_scale", 1.0)
        weighted_H, weighted_S = lambda3 * L_H, self.lambda4 * L_S
        return Losses(
            total=L_CE + weighted_H + weighted_S,
            regularizers=weighted_H + weighted_S,
            terms={"L_CE": L_CE, "L_H": L_H, "L_S": L_S},
            logits=logits,
        )

    def modulate(self, episode: EpisodeFeatures) -> tuple[Modulated, Prompts | None]:
        """f^SPM and the prompts (Eq. 10, 11). If SPM is off: the features unchanged, no prompts."""
        if self.spm is None:
            return Modulated(episode.support, episode.query), None
        if episode.prepared is not None:
            return self._modulate_prepared(episode, episode.prepared), None
        modulated, prompts = self.spm(
            episode.support, episode.query, _support_text(episode), fusion=self.fusion
        )
        return modulated, prompts

    def prepare_query(self, features: Tensor) -> Tensor | None:
        """The part of SPM that depends on the clip alone, the gate [clips, T, C]: a query's prompt
        depends on the episode's class texts."""
        if self.spm is None or self.fusion is None:
            return None
        return self.fusion.gated(features)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """f^SPM [clips, T, C], complete: a support's prompt is the text of its own class."""
        assert self.fusion is not None
        text = required(texts, by=Config.title)
        _, as_support = self.fusion.fuse(text[:, None], as_query)
        return as_support

    def _modulate_prepared(self, episode: EpisodeFeatures, prepared: Prepared) -> Modulated:
        """Finishes the queries, by PG and the rest of SF; the prepared supports are ready."""
        assert self.spm is not None
        assert self.fusion is not None
        prompts = self.spm.generator(_support_text(episode), episode.query)
        _, query = self.fusion.fuse(prompts, prepared.query)
        return Modulated(prepared.support, query)

    def logits(self, modulated: Modulated, episode: EpisodeFeatures) -> Tensor:
        """−(λ1 d_padm + λ2 d_spm), [..., Q, N] (Eq. 6)."""
        labels, classes = episode.support_labels, episode.num_classes
        by_spm = modulated.query, class_means(modulated.support, labels, num_classes=classes)
        if self.padm is None:
            (d_spm,) = sequence_distances(by_spm, lam=self.otam_lambda)  # Eq. 4
            return -(self.lambda2 * d_spm)

        dual = self.padm(modulated.support, labels, modulated.query, num_classes=classes)
        by_padm = dual.query, class_means(dual.support, labels, num_classes=classes)
        by_anchor = dual.anchor, dual.prototypes
        d_spm, d_query, d_anchor = sequence_distances(
            by_spm, by_padm, by_anchor, lam=self.otam_lambda
        )
        return -(self.lambda1 * (d_query + d_anchor) + self.lambda2 * d_spm)

    def motion_loss(self, episode: EpisodeFeatures, *, like: Tensor) -> Tensor:
        """L_H [...], reduced from d_h of all clips (Eq. 3). Zeros like `like` if HSMR is off."""
        if self.hsmr is None:
            return torch.zeros_like(like)
        clips = torch.cat([episode.support, episode.query], dim=-3)
        d_h = self.hsmr(clips, fusion=self.fusion)
        sides = d_h.split([episode.support.shape[-3], episode.query.shape[-3]], dim=-1)
        return reduce_clips(*sides, how=self.consistency_reduction)

    def semantic_loss(
        self,
        modulated: Modulated,
        prompts: Prompts | None,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        like: Tensor,
    ) -> Tensor:
        """L_S [...], reduced from d_s of the clips (Eq. 12). Zeros like `like` if L_S is off."""
        if self.spm is None or prompts is None or self.spm.consistency == "none":
            return torch.zeros_like(like)
        assert self.fusion is not None
        assert episode.class_text is not None
        d_s = self.spm.consistency_distances(
            modulated,
            prompts,
            episode,
            support_text=_support_text(episode),
            query_text=texts_of(episode.class_text, query_labels),
            fusion=self.fusion,
        )
        return reduce_clips(*d_s, how=self.consistency_reduction)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The alignment behind d_spm: of the frames of f^SPM with the class prototypes."""
        modulated, _ = self.modulate(episode)
        prototypes = class_means(
            modulated.support, episode.support_labels, num_classes=episode.num_classes
        )
        distance = frame_distance(modulated.query, prototypes).double()
        return Alignment(distance, alignment(distance, lam=self.otam_lambda))

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures | None:
        """f^SPM of the queries, before PADM, in which they attend to each other. PG's prompt has
        the mean of the supports' class texts, the same for every query. None if SPM is off."""
        if self.spm is None:
            return None
        modulated, _ = self.modulate(episode)
        return QueryFeatures(modulated.query, "f^SPM, after SPM and before PADM")

    def protocol(self, *, queries: int, shot: int) -> str:
        """Transductive if PADM is on, since only PADM mixes the queries of an episode."""
        if self.padm is None:
            return "inductive: each query is classified on its own (PADM is off)"
        return (
            f"transductive: in PADM a class anchor is {queries}/{queries + shot} queries, and "
            "queries attend to each other"
        )

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release."""
        return released.released_name(name)


def _support_text(episode: EpisodeFeatures) -> Tensor:
    """The text of each support's class [..., S, 1, C]. Raises ValueError without class texts."""
    return texts_of(required(episode.class_text, by="SPM"), episode.support_labels)


def build(config: Config, *, channels: int, **_: object) -> ClipSPM:
    """CLIP-SPM as `config` describes it, with random weights. channels: C."""
    fusion = _fusion(config, channels) if config.hsmr or config.spm else None
    hsmr = _hsmr(config, channels) if config.hsmr else None
    spm = _spm(config, channels) if config.spm else None
    padm = DualModulation(_transformer(config, channels)) if config.padm else None
    return ClipSPM(
        fusion=fusion,
        hsmr=hsmr,
        spm=spm,
        padm=padm,
        lambdas=(config.lambda1, config.lambda2, config.lambda3, config.lambda4),
        learn_lambda3=config.learn_lambda3,
        otam_lambda=config.otam_lambda,
        consistency_reduction=config.consistency_reduction,
    )


def _fusion(config: Config, channels: int) -> SemanticFusion:
    return SemanticFusion(
        channels,
        fusion=config.fusion,
        alpha=config.alpha,
        gate_visual_ratio=config.gate_visual_ratio,
        gate_prompt_ratio=config.gate_prompt_ratio,
        gate_slope=config.gate_slope,
        transformer=_transformer(config, channels),
    )


def _hsmr(config: Config, channels: int) -> HierarchicalMotionRefinement:
    return HierarchicalMotionRefinement(
        channels, reduction=config.motion_reduction, distance=config.distance
    )


def _spm(config: Config, channels: int) -> SemanticPrototypeModulation:
    generator = PromptGenerator(
        channels,
        hidden_dim=config.hidden_dim,
        dropout=config.dropout,
        visual_mean=config.prompt_visual_mean,
    )
    return SemanticPrototypeModulation(
        generator, consistency=config.consistency, distance=config.distance
    )


def _transformer(config: Config, channels: int) -> Transformer:
    return configured_transformer(config, channels, head_dim=config.head_dim)
