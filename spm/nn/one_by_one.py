"""Bounds memory: what a method keeps for one episode, it need not keep for many at once."""

from collections.abc import Callable

import torch
from torch import Tensor

from spm.nn.supports_by_class import SupportsByClass, supports_by_class

Compute = Callable[[Tensor, Tensor, SupportsByClass], Tensor]
"""support [S, *], query [Q, *], where each class's supports stand -> a tensor."""


def one_by_one(
    compute: Compute,
    support: Tensor,
    query: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    training: bool,
    equal: bool = False,
) -> Tensor:
    """Stacks `compute` of one episode after another: support [..., S, *], query [..., Q, *],
    labels [..., S] in 0..N-1.

    training, equal: as in `supports_by_class`, which is asked once for all episodes.
    """
    of_classes = supports_by_class(labels, num_classes=num_classes, training=training, equal=equal)
    return _stacked(compute, support, query, of_classes)


def _stacked(
    compute: Compute, support: Tensor, query: Tensor, of_classes: SupportsByClass
) -> Tensor:
    if of_classes.where.dim() == 2:
        return compute(support, query, of_classes)
    episodes = zip(support, query, *of_classes, strict=True)
    return torch.stack([_stacked(compute, s, q, SupportsByClass(*at)) for s, q, *at in episodes])
