"""Tensors of several shapes as one tensor with a row for each clip, and back."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

Shapes = Sequence[tuple[int, ...]]


def packed(parts: Sequence[Tensor]) -> Tensor:
    """Tensors [clips, *shape] -> [clips, n]."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)


def unpacked(rows: Tensor, shapes: Shapes) -> list[Tensor]:
    """rows [..., n] -> a view [..., *shape] for each of `shapes`."""
    parts = torch.split(rows, [prod(shape) for shape in shapes], dim=-1)
    return [
        part.reshape(*rows.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)
    ]


def width(shapes: Shapes) -> int:
    """n: the number of values in a clip's row."""
    return sum(map(prod, shapes))
