r"""SeqDis, the sequence distance: ordered temporal alignment (OTAM).

    D (rows: frames of one clip; columns: frames of the other), with a zero column on both sides:

        0 | D D D D | 0        Row 0 accumulates D from the left. Every other cell adds its D to the
        0 | D D D D | 0        soft minimum of its predecessors. Padding costs nothing, so the
        0 | D D D D | 0        alignment may begin and end at any column.

spm.nn.alignment_table fills the table and says why it has its own backward pass.
"""

from itertools import chain

import torch
from einops import rearrange
from torch import Tensor

from spm.nn.alignment_table import AlignmentTable
from spm.nn.cosine import cosine
from spm.nn.precision import at_least_float32


def sequence_distance(x: Tensor, y: Tensor, *, lam: float) -> Tensor:
    """Distance of every clip of x to every clip of y: the cost of aligning x onto y plus y onto x.

    [..., X, T, C], [..., Y, T', C] -> [..., X, Y].
    """
    (distance,) = sequence_distances((x, y), lam=lam)
    return distance


def sequence_distances(*pairs: tuple[Tensor, Tensor], lam: float) -> list[Tensor]:
    """`sequence_distance` of each pair (x, y). Clips may differ in number, not in frames.

    All alignments are one table: on a GPU the number of kernels decides how long a table takes.
    """
    with at_least_float32(*chain(*pairs)) as clips:
        distances = [frame_distance(x, y) for x, y in zip(clips[::2], clips[1::2], strict=True)]
        tables = torch.cat([each.flatten(-4, -3) for each in distances], dim=-3)
        joined = otam(tables, lam=lam)
    sizes = [each.shape[-4:-2] for each in distances]
    parts = torch.split(joined, [x * y for x, y in sizes], dim=-1)
    return [part.unflatten(-1, size) for part, size in zip(parts, sizes, strict=True)]  # type: ignore[no-untyped-call]


def frame_distance(x: Tensor, y: Tensor) -> Tensor:
    """D = 1 − cosine, [..., X, T, C], [..., Y, T', C] -> [..., X, Y, T, T']."""
    distance = 1 - cosine(x.flatten(-3, -2), y.flatten(-3, -2))  # all pairs, without copying clips
    return rearrange(distance, "... (x t) (y u) -> ... x y t u", t=x.shape[-2], u=y.shape[-2])


def otam(distance: Tensor, *, lam: float) -> Tensor:
    """D [..., T, T'] -> [...]: the alignment costs of both directions, added."""
    if distance.shape[-2] != distance.shape[-1]:
        return one_way(distance, lam=lam) + one_way(distance.transpose(-1, -2), lam=lam)
    both = torch.stack([distance, distance.transpose(-1, -2)])  # one call, half the kernels
    return one_way(both, lam=lam).sum(dim=0)


def one_way(distance: Tensor, *, lam: float) -> Tensor:
    """The cost of aligning the rows' frames onto the columns' frames, [..., T, T'] -> [...]."""
    scores = (distance / -lam).reshape(-1, *distance.shape[-2:])
    best: Tensor = AlignmentTable.apply(scores.permute(1, 2, 0))
    return -lam * best.reshape(distance.shape[:-2])


def alignment(distance: Tensor, *, lam: float) -> Tensor:
    """The gradient of `otam` by D, the weight of each pair of frames: [..., T, T'] both."""
    with torch.enable_grad():
        distance = distance.detach().requires_grad_()
        (weights,) = torch.autograd.grad(otam(distance, lam=lam).sum(), distance)
    return weights
