"""The cosine of the field's systems, with a constant in its denominator."""

import torch
from torch import Tensor

EPSILON = 0.01


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """x·y / (‖x‖‖y‖ + ε), [..., X, C], [..., Y, C] -> [..., X, Y]. ε keeps zeros finite."""
    norms = _norm(x)[..., :, None] * _norm(y)[..., None, :]
    return x @ y.transpose(-1, -2) / (norms + EPSILON)


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1)
    return norm
