"""ConDis, the distance of a clip's features made in two ways, and its reduction to a loss."""

from typing import Literal

import torch
from torch import Tensor

from spm.nn.precision import at_least_float32

Distance = Literal["euclidean", "squared"]


def consistency_distance(x: Tensor, y: Tensor, *, kind: Distance) -> Tensor:
    """‖x − y‖ or its square over the last two dimensions: [..., L, C], [..., L, C] -> [...].

    `vector_norm` has the gradient 0 at x = y, where sqrt(Σ (x − y)²) has the gradient NaN.
    """
    with at_least_float32(x, y) as (x, y):
        norm: Tensor = torch.linalg.vector_norm(x - y, dim=(-2, -1))
        return norm if kind == "euclidean" else norm.square()


def reduce_clips(*distances: Tensor, how: Literal["sum", "mean"]) -> Tensor:
    """The loss [...] of each episode, from distances [..., S] of supports and [..., Q] of queries.

    `sum`: over all clips (Eq. 15). `mean`: mean over supports + mean over queries (the releases).
    """
    parts = [each.sum(dim=-1) if how == "sum" else each.mean(dim=-1) for each in distances]
    return torch.stack(parts).sum(dim=0)
