"""The training loss (Eq. 15): L = L_CE + λ3 L_H + λ4 L_S, one value an episode."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from spm.config.model import ModelConfig
from spm.methods.clip_spm.consistency import reduce_clips


@dataclass(frozen=True)
class Losses:
    """The terms, [...] each, and the logits that they came from."""

    total: Tensor
    """L"""
    regularizers: Tensor
    """λ3 L_H + λ4 L_S, λ3 times its learnable scalar where there is one."""
    cross_entropy: Tensor
    """L_CE, the mean over queries."""
    motion: Tensor
    """L_H, not weighted; 0 with HSMR off."""
    semantic: Tensor
    """L_S, not weighted; 0 with SPM off or consistency none."""
    logits: Tensor
    """[..., Q, N]"""


def episode_losses(
    config: ModelConfig,
    *,
    logits: Tensor,
    query_labels: Tensor,
    motion: list[Tensor],
    semantic: list[Tensor],
    lambda3_scale: Tensor | None = None,
) -> Losses:
    """logits [..., Q, N], query_labels [..., Q]; motion and semantic: d_h and d_s of the clips.

    lambda3_scale: the scalar of `learn_lambda3`, or none.
    """
    cross_entropy = _cross_entropy(logits, query_labels)
    zero = torch.zeros_like(cross_entropy)
    l_h = reduce_clips(*motion, how=config.consistency_reduction) if motion else zero
    l_s = reduce_clips(*semantic, how=config.consistency_reduction) if semantic else zero
    lambda3 = config.lambda3 if lambda3_scale is None else config.lambda3 * lambda3_scale
    weighted_h, weighted_s = lambda3 * l_h, config.lambda4 * l_s
    total = cross_entropy + weighted_h + weighted_s
    return Losses(total, weighted_h + weighted_s, cross_entropy, l_h, l_s, logits)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    log_p = F.log_softmax(logits, dim=-1)
    return -log_p.gather(-1, labels[..., None]).squeeze(-1).mean(dim=-1)
