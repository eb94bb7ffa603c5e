"""The supports of each class side by side, whatever their order and numbers.

    labels  2 0 2 1 2 0          class 0   clips 1 5 ·
                          ->           1         3 · ·
                                       2         0 2 4

Shapes: `...` episodes, `N` classes, `S` supports, `K` the largest number of supports of a class.
"""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class SupportsByClass(NamedTuple):
    """Where the supports of each class stand among those of the episode."""

    where: Tensor
    """[..., N, K]: positions in 0..S-1; any position where none is present."""
    present: Tensor
    """[..., N, K] bool: whether the class has that many supports."""

    def of(self, clips: Tensor) -> Tensor:
        """clips [..., S, *] -> [..., N, K, *]."""
        axis = self.where.dim() - 2
        leading, kept = clips.shape[:axis], clips.shape[axis + 1 :]
        episode = torch.arange(prod(leading), device=clips.device).reshape(*leading, 1, 1)
        rows = (self.where + episode * clips.shape[axis]).flatten()
        return clips.flatten(0, axis).index_select(0, rows).reshape(*self.where.shape, *kept)


def supports_by_class(
    labels: Tensor, *, num_classes: int, training: bool, equal: bool = False
) -> SupportsByClass:
    """labels [..., S] in 0..N-1. Supports of a class keep their order.

    equal: raises ValueError for classes with different numbers of supports.

    Reading K from the labels would wait for a GPU. In `training` on one, with gradients, K is
    S / N: episodes of training have as many supports of each class. If these have not, the GPU
    stops with an assertion.
    """
    counts = F.one_hot(labels, num_classes).sum(dim=-2)
    shots, left_over = divmod(labels.shape[-1], num_classes)
    if training and labels.is_cuda and torch.is_grad_enabled() and not left_over:
        torch._assert_async((counts == shots).all())
    else:
        shots = _largest(counts, equal=equal)
    rank = torch.arange(shots, device=labels.device)
    sorted_at = (counts.cumsum(-1) - counts)[..., None] + rank
    sorted_at = sorted_at.clamp(max=labels.shape[-1] - 1)
    where = labels.argsort(dim=-1, stable=True).gather(-1, sorted_at.flatten(-2))
    return SupportsByClass(where.view_as(sorted_at), rank < counts[..., None])


def _largest(counts: Tensor, *, equal: bool) -> int:
    """counts [..., N]: the number of supports of each class. Raises ValueError as above."""
    largest = int(counts.max())
    if equal and counts.min() < largest:
        raise ValueError(
            "every class must have as many supports as the others; classes 0 to "
            f"{counts.shape[-1] - 1} have {counts.tolist()}: give each class as many, or take a "
            "method that allows other numbers (its `unequal_shots` says so)"
        )
    return largest
