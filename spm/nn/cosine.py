"""Cosines of all pairs: the one of the field's systems, with a constant in its denominator, and
the exact one."""

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 0.01


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """x·y / (‖x‖‖y‖ + ε), [..., X, C], [..., Y, C] -> [..., X, Y]. ε keeps zeros finite."""
    norms = _norm(x)[..., :, None] * _norm(y)[..., None, :]
    return x @ y.transpose(-1, -2) / (norms + EPSILON)


def exact_cosine(x: Tensor, y: Tensor) -> Tensor:
    """x·y / (‖x‖‖y‖), [..., X, C], [..., Y, C] -> [..., X, Y]; 0 where a vector is 0."""
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).transpose(-1, -2)


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1)
    return norm
