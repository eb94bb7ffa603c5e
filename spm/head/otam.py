r"""SeqDis, the sequence distance: ordered temporal alignment (OTAM).

    D (frames of one clip down, of the other across), padded with a zero column on both sides:

        0 | D D D D | 0        row 0 adds up from the left; then each cell adds its D to the soft
        0 | D D D D | 0        minimum of its predecessors. The alignment may begin at any column
        0 | D D D D | 0        of the first frame's row and end anywhere: the padding is free.

A row's recurrence  c_m = D_m + softmin(p_{m-1}, c_{m-1})  with p the row above is, with S the
running sum of D along the row,

    c_m = S_m − λ log Σ_{k≤m} exp(−(p_{k-1} − S_{k-1}) / λ)

one cumulative log-sum-exp: a table of T rows takes T steps, never leaves the log domain, and stays
finite where a plain exp(−d/λ) underflows.
"""

import torch
from torch import Tensor

EPSILON = 0.01


def sequence_distance(x: Tensor, y: Tensor, *, lam: float) -> Tensor:
    """Every clip of x against every clip of y: [..., X, T, C], [..., Y, T', C] -> [..., X, Y].

    The alignment of x onto y plus that of y onto x.
    """
    return otam(frame_distance(x, y), lam=lam)


def frame_distance(x: Tensor, y: Tensor) -> Tensor:
    """D = 1 − x·y / (‖x‖‖y‖ + ε), [..., X, T, C], [..., Y, T', C] -> [..., X, Y, T, T'].

    ε keeps a frame of zeros finite.
    """
    x, y = x[..., :, None, :, :], y[..., None, :, :, :]
    norms = _norm(x)[..., :, None] * _norm(y)[..., None, :]
    return 1 - x @ y.transpose(-1, -2) / (norms + EPSILON)


def otam(distance: Tensor, *, lam: float) -> Tensor:
    """D [..., T, T'] -> [...]: both directions, added."""
    return one_way(distance, lam=lam) + one_way(distance.transpose(-1, -2), lam=lam)


def one_way(distance: Tensor, *, lam: float) -> Tensor:
    """The rows' frames aligned onto the columns' frames, [..., T, T'] -> [...]."""
    rows = distance.unbind(dim=-2)
    above = rows[0].cumsum(dim=-1)
    last = above[..., -1]
    for row in rows[1:]:
        above, last = _next_row(row, above, last, lam=lam)
    return last


def alignment(distance: Tensor, *, lam: float) -> Tensor:
    """How much each pair of frames weighs in `otam`: its gradient, [..., T, T'] -> [..., T, T']."""
    with torch.enable_grad():
        distance = distance.detach().requires_grad_()
        (weights,) = torch.autograd.grad(otam(distance, lam=lam).sum(), distance)
    return weights


def _next_row(row: Tensor, above: Tensor, above_last: Tensor, *, lam: float) -> tuple[Tensor, ...]:
    """One row of the table (without its padding) and its last, padded column."""
    running = row.cumsum(dim=-1)
    # The first column may also begin here: both neighbours in the padding are 0.
    zero = torch.zeros_like(above[..., :1])
    first = _softmin(torch.cat([zero, zero, above[..., :1]], dim=-1), lam=lam)[..., None]
    entering = torch.cat([first, above[..., :-1] - running[..., :-1]], dim=-1)
    cells = running - lam * torch.logcumsumexp(-entering / lam, dim=-1)
    last = _softmin(torch.stack([above[..., -1], above_last, cells[..., -1]], dim=-1), lam=lam)
    return cells, last


def _softmin(values: Tensor, *, lam: float) -> Tensor:
    return -lam * torch.logsumexp(-values / lam, dim=-1)


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=-1)
    return norm
