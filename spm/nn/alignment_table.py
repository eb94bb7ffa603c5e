r"""OTAM's dynamic-programming table, forward and backward, for many pairs of clips at once.

The table holds scores x = −D / λ, so that the soft minimum is a log-sum-exp, which stays finite
where a plain exp(−D / λ) underflows. A cell depends on the cells above it and to its left, so all
cells of an anti-diagonal are computed together:

    row l, column m           diagonal d = l + m
    0 1 2 3                   d 0  1  2  3  4  5
    . . . .   kept skewed:      ·  ·  ·  ·  -  -     row 0
    . . . .                     -  ·  ·  ·  ·  -     row 1
    . . . .                     -  -  ·  ·  ·  ·     row 2

    c[d, l] = x[d, l] + log(e^c[d-2, l-1] + e^c[d-1, l] + e^c[d-1, l-1])
                            from (l-1, m-1)  from (l, m-1)   from (l-1, m): beside the padding only

The gradient of a table's value with respect to a cell is the share of all alignments that pass
through the cell. The backward pass splits each cell's share among its predecessors in proportion
to e^c.

Autograd would record each operation and run several times as many kernels; the number of kernels
decides how long a training step on a GPU takes.

Shapes: T rows, U columns, B tables. The dimension B comes last, contiguous in memory.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_NEVER = -1e30
"""The score of an impossible predecessor. −∞ would give NaN in differences."""


class AlignmentTable(torch.autograd.Function):
    """Scores [T, U, B] -> log Σ over all alignments of exp(their scores' sum), [B]."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        rows, columns, tables = scores.shape
        # One extra diagonal and row of padding, so that the first ones have predecessors too.
        skewed = scores.new_zeros(rows + columns + 2, rows + 1, tables)
        _cells(skewed, columns).copy_(scores)
        table = torch.full_like(skewed, _NEVER)
        _column(table, 0).zero_()
        only_above, entering, diagonals = _beside_padding(scores), skewed.unbind(), table.unbind()
        ctx.predecessors, ctx.size = [], (rows, columns)
        for d, here, above in _diagonals(rows, columns):
            before, last = diagonals[d - 2], diagonals[d - 1]
            predecessors = _Predecessors(
                before[above], last[here], last[above] + only_above[d, here]
            )
            torch.add(predecessors.log_sum(), entering[d][here], out=diagonals[d][here])
            ctx.predecessors.append(predecessors)
        return table[-1, -1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows, columns = ctx.size
        shares = gradient.new_zeros(rows + columns + 2, rows + 1, len(gradient))
        shares[-1, -1] = gradient
        diagonals = shares.unbind()
        walk = zip(_diagonals(rows, columns), ctx.predecessors, strict=True)
        for (d, here, above), predecessors in reversed(list(walk)):
            share = diagonals[d][here] / predecessors.total
            diagonals[d - 2][above].addcmul_(share, predecessors.corner)
            diagonals[d - 1][here].addcmul_(share, predecessors.left)
            diagonals[d - 1][above].addcmul_(share, predecessors.above)
        return _cells(shares, columns)


class _Predecessors:
    """e^(score − largest) of the three predecessors of each cell of a diagonal."""

    def __init__(self, corner: Tensor, left: Tensor, above: Tensor) -> None:
        self._largest = torch.maximum(corner, left).maximum(above)
        self.corner = (corner - self._largest).exp_()
        self.left = (left - self._largest).exp_()
        self.above = (above - self._largest).exp_()
        self.total = self.corner + self.left + self.above

    def log_sum(self) -> Tensor:
        return self.total.log().add_(self._largest)


def _diagonals(rows: int, columns: int) -> Iterator[tuple[int, slice, slice]]:
    """For each diagonal: its index in the skewed table, its rows, and the rows above its rows."""
    for d in range(1, rows + columns + 1):
        first, last = max(0, d - columns - 1), min(rows - 1, d - 1)
        yield d + 1, slice(first + 1, last + 2), slice(first, last + 1)


def _cells(skewed: Tensor, columns: int) -> Tensor:
    """A view of a skewed table without its padding, [T, U, B]."""
    diagonal, row, table = skewed.stride()
    size = (skewed.shape[1] - 1, columns, skewed.shape[2])
    return skewed.as_strided(size, (diagonal + row, diagonal, table), 2 * diagonal + row)


def _column(skewed: Tensor, column: int) -> Tensor:
    """A view of one column of a skewed table, padding included, [T, B]."""
    diagonal, row, table = skewed.stride()
    size = (skewed.shape[1] - 1, skewed.shape[2])
    return skewed.as_strided(size, (diagonal + row, table), (column + 1) * diagonal + row)


def _beside_padding(scores: Tensor) -> Tensor:
    """0 for cells beside the padding, whose predecessor above counts; else _NEVER. Skewed."""
    rows, columns, _ = scores.shape
    skewed = scores.new_full((rows + columns + 2, rows + 1, 1), _NEVER)
    for column in (1, columns + 1):
        _column(skewed, column)[1:] = 0
    return skewed
