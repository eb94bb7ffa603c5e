"""Bi-MHM, the distance of two clips as sets of frames: each frame's nearest one, both ways.

D[t, t'] = 1 − cos(x_t, y_t')
d(x, y)  = Σ_t min_t' D + Σ_t' min_t D
"""

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor

from spm.nn.cosine import exact_cosine
from spm.nn.precision import at_least_float32

Reduction = Literal["sum", "mean"]


def exact_frame_distance(frames: Tensor, clips: Tensor) -> Tensor:
    """D of frames with those of each clip: [..., T, C], [..., Y, T', C] -> [..., Y, T, T'].

    The cosine is the exact one; that of OTAM's `frame_distance` has a constant in its denominator.
    """
    with at_least_float32(frames, clips) as (frames, clips):
        distance = 1 - exact_cosine(frames, clips.flatten(-3, -2))
    return rearrange(distance, "... t (y u) -> ... y t u", u=clips.shape[-2])


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
