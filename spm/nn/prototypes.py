"""Class prototypes: means of the support clips of a class (Eq. 4), and means of what a query has
with each support."""

import torch
from torch import Tensor
from torch.nn import functional as F

from spm.nn.precision import at_least_float32


def class_means(clips: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """clips [..., S, T, C], labels [..., S] in 0..N-1 -> prototypes [..., N, T, C]."""
    sums, counts = class_sums(clips, labels, num_classes=num_classes)
    return sums / counts[..., None, None]


def class_sums(clips: Tensor, labels: Tensor, *, num_classes: int) -> tuple[Tensor, Tensor]:
    """The sum of each class's clips [..., N, T, C], and their number [..., N]."""
    membership = F.one_hot(labels, num_classes).to(clips.dtype)
    sums = torch.einsum("...sn,...stc->...ntc", membership, clips)
    return sums, membership.sum(dim=-2)


def mean_over_class(values: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """values [..., Q, S], labels [..., S] -> means over each class's supports [..., Q, N]."""
    with at_least_float32(values) as (values,):
        membership = F.one_hot(labels, num_classes).to(values.dtype)
        return values @ (membership / membership.sum(dim=-2, keepdim=True))


def pairs_over_class(pairs: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """Pairs of frames [..., Q, S, T, T'] -> means over each class's supports [..., Q, N, T, T']."""
    by_frame = pairs.movedim(-3, -1)  # [..., Q, T, T', S]
    means = mean_over_class(by_frame.flatten(-4, -2), labels, num_classes=num_classes)
    return means.reshape(*by_frame.shape[:-1], -1).movedim(-1, -3)
