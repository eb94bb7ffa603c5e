"""ConDis, the consistency distance of HSMR and SPM, and how its values make a loss."""

from typing import Literal

import torch
from torch import Tensor

from spm.nn.precision import at_least_float32

Distance = Literal["euclidean", "squared"]


def consistency_distance(x: Tensor, y: Tensor, *, kind: Distance) -> Tensor:
    """Over the last two dimensions at once: [..., L, C], [..., L, C] -> [...].

    By `vector_norm`, whose gradient at zero is 0; a square root written out gives NaN there.
    """
    with at_least_float32(x, y) as (x, y):
        norm: Tensor = torch.linalg.vector_norm(x - y, dim=(-2, -1))
        return norm if kind == "euclidean" else norm.square()


def reduce_clips(*distances: Tensor, how: Literal["sum", "mean"]) -> Tensor:
    """One loss an episode from the distances [..., S] of supports and [..., Q] of queries.

    `sum`: over all clips (Eq. 15). `mean`: mean over supports + mean over queries (the release).
    """
    parts = [each.sum(dim=-1) if how == "sum" else each.mean(dim=-1) for each in distances]
    return torch.stack(parts).sum(dim=0)
