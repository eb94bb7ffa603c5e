"""Bi-MHM, the distance of two clips as sets of frames: each frame's nearest one, both ways."""

from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["sum", "mean"]


def bi_mhm(distance: Tensor, *, reduction: Reduction) -> Tensor:
    """D [..., T, T'] -> Σ_t min_t' D + Σ_t' min_t D, [...]; `mean`: means in place of the sums."""
    nearest = distance.amin(dim=-1), distance.amin(dim=-2)
    first, second = (
        each.sum(dim=-1) if reduction == "sum" else each.mean(dim=-1) for each in nearest
    )
    return first + second


def matches(distance: Tensor, *, reduction: Reduction) -> Tensor:
    """The gradient of `bi_mhm` by D, the weight of each pair of frames: [..., T, T'] both."""
    with torch.enable_grad():
        distance = distance.detach().requires_grad_()
        total = bi_mhm(distance, reduction=reduction).sum()
        (weights,) = torch.autograd.grad(total, distance)
    return weights
