r"""OTAM's table, forwards and backwards, for many pairs of clips at once.

Everything is a score x = −D / λ, so that the soft minimum is a log-sum-exp. A row's recurrence is
c_m = x_m + log(exp(p_{m-1}) + exp(c_{m-1})), p being the row above. With s the running sum of x
along the row it has a closed form,

    c_m = s_m + h_m,    h_m = log Σ_{k≤m} exp(p_{k-1} − s_{k-1}):

one cumulative log-sum-exp a row. It never leaves the log domain, and stays finite where a plain
exp(−D / λ) underflows. The gradient has a closed form too: G_m, the share of all alignments that
pass through cell m, is what leaves the row at m or behind it,

    G_m = Σ_{k≥m} g_k exp(h_m − h_k),    g_k: the share that goes on to the next row from cell k.

Written out, a backward pass of T rows costs T such sums; recorded operation by operation it costs
several times as many kernels, which is what a step on a GPU waits for.

Shapes: T rows, U columns, B tables; the tables come last, next to each other in memory.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class AlignmentTable(torch.autograd.Function):
    """Scores [T, U, B] -> log Σ over all alignments of exp(their scores' sum), [B]."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        running = scores.cumsum(dim=1)
        entered = torch.zeros_like(scores)  # row 0 is entered at its beginning alone
        cells = running.clone()
        p, *below = cells
        ended = [p[-1]]  # the padded last column
        for s, h, c in zip(running[1:], entered[1:], below, strict=True):
            torch.logcumsumexp(_entering(p, s), dim=0, out=h)
            c += h
            ended.append(p[-1].logaddexp(ended[-1]).logaddexp(c[-1]))
            p = c
        ctx.save_for_backward(running, entered, cells, torch.stack(ended))
        best: Tensor = ended[-1]
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        running, entered, cells, ended = ctx.saved_tensors
        shares = torch.empty_like(cells)
        # An end is reached from its row's last cell, from the last cell above, or the end above.
        ways = torch.stack([cells[1:, -1], cells[:-1, -1], ended[:-1]], dim=1)
        ways = (ways - ended[1:, None]).exp()
        rows = zip(shares[1:], running[1:], entered[1:], cells[:-1], ways, strict=True)
        g, end = torch.zeros_like(cells[0]), torch.ones_like(ended[0])
        for share, s, h, p, (cell, above, end_above) in reversed(list(rows)):
            g[-1] += end * cell
            _passing(g, h, out=share)
            g = torch.empty_like(g)
            torch.mul(share[1:], (p[:-1] - s[:-1] - h[1:]).exp(), out=g[:-1])
            torch.mul(end, above, out=g[-1])
            g[0] += share[0] * (p[0] - h[0]).exp()
            end = end * end_above
        g[-1] += end
        shares[0] = g.flip(0).cumsum(dim=0).flip(0)
        return shares * gradient


def _entering(p: Tensor, s: Tensor) -> Tensor:
    """Scores with which a row is entered at each column, less the row's own up to there, [U, B]."""
    entering = torch.empty_like(p)
    # The first column may also begin here: both neighbours in the padding have score 0.
    entering[0] = p[0].logaddexp(p.new_tensor(math.log(2)))
    torch.sub(p[:-1], s[:-1], out=entering[1:])
    return entering


def _passing(g: Tensor, h: Tensor, *, out: Tensor) -> None:
    """G of a row, [U, B]."""
    behind = (g.log() - h).flip(0).logcumsumexp(dim=0).flip(0)
    torch.exp(behind + h, out=out)
