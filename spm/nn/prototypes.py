"""Class prototypes: means of the support clips of a class (Eq. 4)."""

import torch
from torch import Tensor
from torch.nn import functional as F


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
    membership = F.one_hot(labels, num_classes).to(values.dtype)
    return values @ (membership / membership.sum(dim=-2, keepdim=True))


def texts_of(class_text: Tensor, labels: Tensor) -> Tensor:
    """class_text [..., N, C], labels [..., S] -> the text of each clip's class [..., S, 1, C]."""
    index = labels[..., None].expand(*labels.shape, class_text.shape[-1])
    leading = class_text.expand(*labels.shape[:-1], *class_text.shape[-2:])
    return torch.gather(leading, -2, index)[..., None, :]
