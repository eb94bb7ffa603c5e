"""TEAM: temporal alignment-free matching by pattern tokens (Lee et al., CVPR 2025).

    clips ─ A ─┬─ Q^+, Q^- ──────────────────────────────┐
               └─ S^+, S^- ─ adapted among the classes ──┴─ PD, ND ─ −(PD + ND)

    PD[q, n] = Σ_m (1 − cos(S_n^+, Q^+))          as far as the class's tokens are from the query's
    ND[q, n] = ½ (max over o ≠ n of u[q, o] + max over o ≠ n of v[q, o])
    u[q, o]  = Σ_m (1 − cos(S_o^+, Q^-)),  v[q, o] = Σ_m (1 − cos(S_o^-, Q^+))

A class is the mean of its supports' frames; then M learned tokens summarise it, as they do a query
(patterns.py). Token m is compared with token m, so clips may have any length. A class's tokens are
adapted by the other classes of the episode, never by queries. L = L_positive + L_negative, the
cross entropies of −PD and of −ND; that of the logits, L_CE, is measured and not trained.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `M` tokens, `T` frames, `C`
channels.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from spm.methods.base import (
    EpisodeFeatures,
    EpisodePixels,
    Losses,
    Method,
    QueryFeatures,
    cross_entropy,
)
from spm.methods.team.config import Config
from spm.methods.team.patterns import Patterns, Tokens
from spm.nn.precision import at_least_float32
from spm.nn.prototypes import class_means
from spm.nn.released_names import translated


class Distances(NamedTuple):
    """Of queries and classes, [..., Q, N] each."""

    positive: Tensor
    """PD"""
    negative: Tensor
    """ND"""


class Team(Method):
    """Classifies by pattern tokens; inductive, uses no texts. Needs two classes or more."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_positive", "L_negative")

    def __init__(self, *, patterns: Patterns) -> None:
        super().__init__()
        self.patterns = patterns

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits −(PD + ND), [..., Q, N]. Raises ValueError for fewer than two classes."""
        distances = self.distances(episode)
        return -(distances.positive + distances.negative)

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_positive + L_negative, the cross entropies of −PD and of −ND."""
        positive, negative = self.distances(episode)
        logits = -(positive + negative)
        L_CE = cross_entropy(logits, query_labels)
        L_positive = cross_entropy(-positive, query_labels)
        L_negative = cross_entropy(-negative, query_labels)
        return Losses(
            total=L_positive + L_negative,
            regularizers=torch.zeros_like(L_CE),
            terms={"L_CE": L_CE, "L_positive": L_positive, "L_negative": L_negative},
            logits=logits,
        )

    def prepare_query(self, features: Tensor) -> Tensor:
        """The tokens of a query, of unit length, [clips, 2, M, C]."""
        tokens = _unit(self.patterns.of(self.patterns.attended(features)))
        return torch.stack(tokens, dim=-3)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """A support as it is: frames are averaged over its class before tokens see them."""
        return features

    def distances(self, episode: EpisodeFeatures) -> Distances:
        """PD and ND."""
        support, query = _unit(self.class_tokens(episode)), self.query_tokens(episode)
        u = _token_distance(query.negative, support.positive)
        v = _token_distance(query.positive, support.negative)
        others = _others(episode.num_classes, device=u.device)
        farthest_u, farthest_v = (each[..., others].amax(dim=-1) for each in (u, v))
        return Distances(
            positive=_token_distance(query.positive, support.positive),
            negative=(farthest_u + farthest_v) / 2,
        )

    def query_features(self, episode: EpisodeFeatures) -> QueryFeatures:
        """Q^+, a sequence of M tokens."""
        return QueryFeatures(self.query_tokens(episode).positive, "Q^+, the pattern tokens")

    def query_tokens(self, episode: EpisodeFeatures) -> Tokens:
        """Q^+ and Q^- of unit length, [..., Q, M, C]."""
        if episode.prepared is not None:
            return Tokens(*episode.prepared.query.unbind(dim=-3))
        return _unit(self.patterns.of(self.patterns.attended(episode.query)))

    def class_tokens(self, episode: EpisodeFeatures) -> Tokens:
        """The adapted S^+ and S^-, means over the other classes, [..., N, M, C]."""
        labels, classes = episode.support_labels, episode.num_classes
        if classes < 2:
            raise ValueError(
                f"TEAM adapts each class by the others; the episode has {classes} class, and must "
                "have 2 or more"
            )
        prototypes = class_means(episode.support, labels, num_classes=classes)
        attended = self.patterns.attended(prototypes)
        before = _unit(self.patterns.of(attended))
        others = _others(classes, device=labels.device)
        likeness = Tokens(*(_likeness(each, others) for each in before))
        pairs = self.patterns.adapted(
            attended[..., :, None, :, :], attended[..., others, :, :], likeness
        )
        return Tokens(*(each.mean(dim=-3) for each in pairs))

    @staticmethod
    def released_name(name: str) -> str:
        """The name of the tensor `name` in the authors' release.

        >>> Team.released_name("patterns.hidden.bias")
        'DPM.mlp.inp_fc.bias'
        """
        return translated(name, _NAMES)


_NAMES = {
    "patterns.tokens": "DPM.AP",
    "patterns.norm.": "DPM.ln.",
    "patterns.hidden.": "DPM.mlp.inp_fc.",
    "patterns.out.": "DPM.mlp.out_fc.",
}


def _others(num_classes: int, *, device: torch.device) -> Tensor:
    """The classes o ≠ n of each class n, [N, N − 1]."""
    others = torch.arange(num_classes - 1, device=device)
    return others + (others >= torch.arange(num_classes, device=device)[:, None])


def _unit(tokens: Tokens) -> Tokens:
    """Tokens of length 1, or 0 where a token is 0."""
    with at_least_float32(*tokens) as exact:
        return Tokens(*(F.normalize(each, dim=-1) for each in exact))


def _likeness(unit: Tensor, others: Tensor) -> Tensor:
    """E, cosines of each class's token m with that of each other class: [..., N, N − 1, M, 1]."""
    return (unit[..., :, None, :, :] * unit[..., others, :, :]).sum(dim=-1, keepdim=True)


def _token_distance(query: Tensor, support: Tensor) -> Tensor:
    """Σ_m (1 − cos) of unit tokens [..., Q, M, C] and [..., N, M, C] -> [..., Q, N]."""
    with at_least_float32(query, support) as (query, support):
        cosines = query.flatten(-2) @ support.flatten(-2).transpose(-1, -2)
    return query.shape[-2] - cosines


def build(config: Config, *, channels: int, **_: object) -> Team:
    """TEAM as `config` describes it, with random weights. channels: C."""
    return Team(
        patterns=Patterns(
            channels, tokens=config.tokens, heads=config.heads, dropout=config.dropout
        )
    )
