"""SPM, Semantic Prototype Modulation (Eq. 10-12).

Supports are modulated by their class's text, queries by a generated one, since a query's class is
what is asked. The loss L_S pulls generated prompts towards true ones; it alone needs the query's
true text, so it lives in a method of its own that only training calls.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spm.methods.base import EpisodeFeatures
from spm.methods.clip_spm.config import Consistency
from spm.methods.clip_spm.consistency import Distance, consistency_distance
from spm.nn.prompt_generator import PromptGenerator
from spm.nn.semantic_fusion import SemanticFusion


class Modulated(NamedTuple):
    """f^SPM (Eq. 4)."""

    support: Tensor
    """[..., S, T, C]"""
    query: Tensor
    """[..., Q, T, C]"""


class Prompts(NamedTuple):
    """The prompt tokens after SF."""

    support: Tensor
    """[..., S, 1, C], from the class's text."""
    query: Tensor
    """[..., Q, 1, C], generated."""


class SemanticPrototypeModulation(nn.Module):
    """SF with true texts for supports, with PG's prompts for queries."""

    def __init__(
        self, generator: PromptGenerator, *, consistency: Consistency, distance: Distance
    ) -> None:
        super().__init__()
        self.generator = generator
        self.consistency = consistency
        self.distance = distance

    def forward(
        self, support: Tensor, query: Tensor, support_text: Tensor, *, fusion: SemanticFusion
    ) -> tuple[Modulated, Prompts]:
        """support [..., S, T, C], query [..., Q, T, C], support_text [..., S, 1, C]."""
        query_prompt, query_out = fusion(self.generator(support_text, query), query)
        support_prompt, support_out = fusion(support_text, support)
        return Modulated(support_out, query_out), Prompts(support_prompt, query_prompt)

    def consistency_distances(
        self,
        modulated: Modulated,
        prompts: Prompts,
        episode: EpisodeFeatures,
        *,
        support_text: Tensor,
        query_text: Tensor,
        fusion: SemanticFusion,
    ) -> list[Tensor]:
        """d_s (Eq. 12) of supports [..., S] and of queries [..., Q], as Table 5 selects them."""
        chosen = []
        if self.consistency in ("support", "both"):
            generated = fusion(self.generator(support_text, episode.support), episode.support)
            chosen.append(self._d_s((prompts.support, modulated.support), generated))
        if self.consistency in ("query", "both"):
            true = fusion(query_text, episode.query)
            chosen.append(self._d_s(true, (prompts.query, modulated.query)))
        return chosen

    def _d_s(self, true: tuple[Tensor, Tensor], generated: tuple[Tensor, Tensor]) -> Tensor:
        """d^tp between the prompt tokens + d^v between the sequences [token, frames]."""
        d_tp = consistency_distance(true[0], generated[0], kind=self.distance)
        sequences = torch.cat(true, dim=-2), torch.cat(generated, dim=-2)
        return d_tp + consistency_distance(*sequences, kind=self.distance)
