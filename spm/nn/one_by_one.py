"""Bounds memory: what a method keeps for one episode, it need not keep for many at once."""

from collections.abc import Callable

import torch
from torch import Tensor


def one_by_one(compute: Callable[..., Tensor], *tensors: Tensor, stacked: int) -> Tensor:
    """Stacks `compute` of one episode after another. stacked: number of leading dimensions."""
    if not stacked:
        return compute(*tensors)
    return torch.stack(
        [one_by_one(compute, *each, stacked=stacked - 1) for each in zip(*tensors, strict=True)]
    )
