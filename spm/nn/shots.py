"""Supports by class and shot, for methods that need as many supports in every class."""

import torch
from torch import Tensor


def by_class(clips: Tensor, labels: Tensor, *, num_classes: int) -> Tensor:
    """clips [..., S, *], labels [..., S] -> [..., N, K, *]; a class's supports keep their order.

    Raises ValueError for classes with different numbers of supports. Training on a GPU, where
    reading the labels would wait for the GPU, has episodes with as many of each.
    """
    ordered, order = labels.sort(dim=-1, stable=True)
    shots = labels.shape[-1] // num_classes
    if not (labels.is_cuda and torch.is_grad_enabled()):
        _check_equal(ordered, num_classes=num_classes, shots=shots)
    axis = labels.dim() - 1
    index = order.reshape(*order.shape, *[1] * (clips.dim() - order.dim()))
    found = torch.take_along_dim(clips, index, dim=axis)
    return found.reshape(*found.shape[:axis], num_classes, shots, *found.shape[axis + 1 :])


def _check_equal(ordered: Tensor, *, num_classes: int, shots: int) -> None:
    equal = torch.arange(num_classes, device=ordered.device).repeat_interleave(shots)
    if ordered.shape[-1] != len(equal) or not (ordered == equal).all():
        raise ValueError(
            f"every class must have as many supports as the others; the labels of "
            f"{num_classes} classes are {ordered.tolist()}: give each class as many"
        )
