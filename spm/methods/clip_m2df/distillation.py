"""Mutual distillation: for each query, the more confident view teaches the other one.

    confidence by distance    e = max over n of softmax(−D)[n]
    confidence by text        c = max over n of softmax(cos(first frame of q, first frame of P))[n]
    KL(x → y)                 Σ over n of p_x (log p_x − log p_y), p = softmax(−D): x teaches y

The first frame stands for the text: the authors mean the text's token, and have dropped it before.
No gradient is stopped: the view that teaches learns too.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from spm.methods.clip_m2df.config import Direction
from spm.nn.cosine import cosine
from spm.nn.precision import at_least_float32


class Compared(NamedTuple):
    """The queries of an episode, compared with the prototypes of its classes in one view."""

    query: Tensor
    """[..., Q, T, C]"""
    prototypes: Tensor
    """[..., N, T, C]"""
    distance: Tensor
    """D [..., Q, N]"""


def distillation(
    local_view: Compared,
    global_view: Compared,
    *,
    direction: Direction,
    compare_text: bool,
    compare_distance: bool,
) -> Tensor:
    """The loss of each episode [...].

        up      mean of KL(local → global) over the queries for which local is more confident
        down    mean of KL(global → local) over the queries for which global is more confident

    by the comparisons that are chosen: where the two disagree, no view teaches. The means are
    weighted by e + c of the view that teaches; without queries they are 0. Without comparisons, up
    and down are sums over all queries.
    """
    views = (local_view, global_view)
    e_local, e_global = map(_by_distance, views)
    c_local, c_global = map(_by_text, views)
    local_wins = ([c_local >= c_global] if compare_text else []) + (
        [e_local >= e_global] if compare_distance else []
    )
    up = _teaching(local_view, global_view)
    down = _teaching(global_view, local_view)
    if local_wins:
        wins = torch.stack(local_wins)
        up = _weighted_mean(up, (e_local + c_local) * wins.all(dim=0))
        down = _weighted_mean(down, (e_global + c_global) * (~wins).all(dim=0))
    else:
        up, down = up.sum(dim=-1), down.sum(dim=-1)
    return {"bid": up + down, "up2down": down, "down2up": up}[direction]


def _by_distance(view: Compared) -> Tensor:
    """e [..., Q]"""
    return F.softmax(-view.distance, dim=-1).amax(dim=-1)


def _by_text(view: Compared) -> Tensor:
    """c [..., Q]"""
    with at_least_float32(view.query, view.prototypes) as (query, prototypes):
        similar = cosine(query[..., 0, :], prototypes[..., 0, :])
        return F.softmax(similar, dim=-1).amax(dim=-1)


def _teaching(teacher: Compared, student: Compared) -> Tensor:
    """KL(teacher → student) [..., Q]"""
    log_x, log_y = (F.log_softmax(-each.distance, dim=-1) for each in (teacher, student))
    return (log_x.exp() * (log_x - log_y)).sum(dim=-1)


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """[..., Q] -> [...]; 0 where all weights are 0."""
    total = weights.sum(dim=-1)
    return (weights * values).sum(dim=-1) / torch.where(total > 0, total, 1)
