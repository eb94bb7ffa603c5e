"""SPM, Semantic Prototype Modulation (Eq. 10-12).

Supports are modulated by their class's text, queries by a generated one, since a query's class is
what is asked. The loss L_S pulls generated prompts towards true ones; it alone needs the query's
true text, so it lives in a method of its own that only training calls.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spm.config.model import Consistency
from spm.methods.clip_spm.consistency import Distance, consistency_distance
from spm.nn.prompt_generator import PromptGenerator
from spm.nn.semantic_fusion import SemanticFusion


@dataclass(frozen=True)
class Modulated:
    """f^SPM and the prompt tokens after SF, of supports and queries."""

    support: Tensor
    """[..., S, T, C]"""
    query: Tensor
    """[..., Q, T, C]"""
    support_prompt: Tensor
    """[..., S, 1, C], from the class's text."""
    query_prompt: Tensor
    """[..., Q, 1, C], generated."""


class SemanticPrototypeModulation(nn.Module):
    """SF with true texts for supports, with PG's prompts for queries."""

    def __init__(self, generator: PromptGenerator, *, consistency: Consistency) -> None:
        super().__init__()
        self.generator = generator
        self.consistency = consistency

    def forward(
        self, support: Tensor, query: Tensor, support_text: Tensor, *, fusion: SemanticFusion
    ) -> Modulated:
        """support [..., S, T, C], query [..., Q, T, C], support_text [..., S, 1, C]."""
        query_prompt, query_out = fusion(self.generator(support_text, query), query)
        support_prompt, support_out = fusion(support_text, support)
        return Modulated(support_out, query_out, support_prompt, query_prompt)

    def consistency_distances(
        self,
        modulated: Modulated,
        support: Tensor,
        query: Tensor,
        support_text: Tensor,
        query_text: Tensor,
        *,
        fusion: SemanticFusion,
        distance: Distance,
    ) -> list[Tensor]:
        """d_s (Eq. 12) of supports [..., S] and of queries [..., Q], as Table 5 selects them."""
        chosen = []
        if self.consistency in ("support", "both"):
            generated = fusion(self.generator(support_text, support), support)
            true = (modulated.support_prompt, modulated.support)
            chosen.append(_d_s(true, generated, distance=distance))
        if self.consistency in ("query", "both"):
            true = fusion(query_text, query)
            generated = (modulated.query_prompt, modulated.query)
            chosen.append(_d_s(true, generated, distance=distance))
        return chosen


def _d_s(
    true: tuple[Tensor, Tensor], generated: tuple[Tensor, Tensor], *, distance: Distance
) -> Tensor:
    """d^tp between the prompt tokens + d^v between the sequences [token, frames]."""
    d_tp = consistency_distance(true[0], generated[0], kind=distance)
    d_v = consistency_distance(torch.cat(true, dim=-2), torch.cat(generated, dim=-2), kind=distance)
    return d_tp + d_v
