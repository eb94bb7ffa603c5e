"""A linear layer on tuples of frames, without storing and multiplying the tuples.

    W [x_1, …, x_w] + b = (W_1 x_1 + b/w) + … + (W_w x_w + b/w)

A frame stands in many tuples, but at w places only. So a clip has w T rows W_p x_t + b/w, and each
of its L tuples is the sum of w rows: tuples = M rows, with M [L, w T] of zeros and ones. Products
with rows cost less than products with tuples, by w T / L: 3/7 for the 56 triples of 8 frames.
"""

from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.nn.tuples import increasing


class TupleLinear(nn.Linear):
    """Frames [..., T, C] -> [..., L, D]: nn.Linear(w · C, D) of the tuples of w = `size` frames."""

    membership: Tensor
    """M [L, w T]: whether a row, a frame at a place, belongs to a tuple. In no state dict."""

    def __init__(self, channels: int, dim: int, *, num_frames: int, size: int) -> None:
        """num_frames: T."""
        super().__init__(size * channels, dim)
        self.size = size
        chosen = F.one_hot(increasing(num_frames, size), num_frames)
        self.register_buffer("membership", chosen.flatten(1).float(), persistent=False)

    def rows(self, frames: Tensor) -> Tensor:
        """Each frame at each place of a tuple: [..., T, C] -> [..., w T, D]."""
        bias = self.bias / self.size
        places = self.weight.chunk(self.size, dim=1)
        return torch.cat([F.linear(frames, weight, bias) for weight in places], dim=-2)

    def tuples(self, rows: Tensor) -> Tensor:
        """M rows: [..., w T, D] -> [..., L, D]."""
        return self.membership.to(rows.dtype) @ rows

    def forward(self, frames: Tensor) -> Tensor:
        return self.tuples(self.rows(frames))


class NormedTuples(NamedTuple):
    """Tuples after LayerNorm without its affine map: z_j = scale_j (M rows)_j."""

    rows: Tensor
    """[..., w T, D], with mean 0 over D."""
    scale: Tensor
    """[..., L]: 1 / the standard deviation of each tuple."""

    def dot(self, vectors: Tensor, belongs: Tensor) -> Tensor:
        """Products of vectors [..., X, D] with the tuples of K clips, [..., X, K, L].

        rows are [..., K, w T, D]. belongs: M.
        """
        return self.from_rows(vectors @ self.rows.flatten(-3, -2).mT, belongs)

    def from_rows(self, by_row: Tensor, belongs: Tensor) -> Tensor:
        """Products with the rows of K clips [..., X, K · w T] -> with the tuples [..., X, K, L]."""
        of_clips = by_row.reshape(*by_row.shape[:-1], *self.rows.shape[-3:-1])
        products: Tensor = of_clips @ belongs.mT
        return products * self.scale[..., None, :, :]

    def row_weights(self, weights: Tensor, belongs: Tensor) -> Tensor:
        """What a weighted sum over the tuples of K clips takes of each row.

        weights [..., X, K, L] -> [..., X, K · w T].
        """
        of_rows: Tensor = (weights * self.scale[..., None, :, :]) @ belongs
        return of_rows.flatten(-2)

    def sum(self, weights: Tensor, belongs: Tensor) -> Tensor:
        """Weighted sums over the tuples of K clips: weights [..., X, K, L] -> [..., X, D]."""
        return weighted_sum(weights * self.scale[..., None, :, :], self.rows, belongs)


def attention_scores(
    query: NormedTuples, support: NormedTuples, belongs: Tensor, *, norm: nn.LayerNorm
) -> Tensor:
    """norm(q)·norm(s) / √D - up to an addend that is the same for all s, which a softmax cancels.

    Both sides share the affine map of the norm, γ z + β:

        (γ z_q + β)·(γ z_s + β) = (γ² z_q + γ β)·z_s + (γ z_q + β)·β
                                                       the same for all s

    query: [Q, …]; support: [N, K, …]; belongs: M -> [N, Q L, K, L].
    """
    rows = support.rows.flatten(-3, -2).mT  # [N, D, K w T]
    gamma = norm.weight / sqrt(rows.shape[-2])
    by_row = (query.rows * (gamma * norm.weight)).flatten(0, 1) @ rows
    of_clips = by_row.reshape(len(rows), len(query.rows), -1, rows.shape[-1])
    by_tuple = belongs @ of_clips * query.scale[..., None]  # [N, Q, L, K w T]
    by_tuple = by_tuple + ((gamma * norm.bias) @ rows)[:, None, None]
    return support.from_rows(by_tuple.flatten(1, 2), belongs)


def weighted_sum(weights: Tensor, rows: Tensor, belongs: Tensor) -> Tensor:
    """Σ over the tuples M rows of K clips: weights [..., X, K, L], rows [..., K, w T, D], M ->
    [..., X, D]."""
    summed: Tensor = (weights @ belongs).flatten(-2) @ rows.flatten(-3, -2)
    return summed


def balanced(rows: Tensor, *, size: int) -> Tensor:
    """Rows [..., w T, D] of which tuples are the same sums, and that are no larger than these.

    Each place's mean over the frames is shared out among all w = `size` places. Else a clip that
    stands still, under weights that take frames' differences, has large rows that cancel in each
    tuple, and squares of sums of rows lose their digits.
    """
    places = rows.unflatten(-2, (size, -1))  # type: ignore[no-untyped-call]
    means = places.mean(dim=-2, keepdim=True)
    shared: Tensor = places - means + means.mean(dim=-3, keepdim=True)
    return shared.flatten(-3, -2)


def normed_tuples(linear: TupleLinear, frames: Tensor, *, eps: float) -> NormedTuples:
    """Frames [..., T, C] -> the output of `linear`, normalised. eps: of the LayerNorm."""
    rows = linear.rows(frames)
    rows = rows - rows.mean(dim=-1, keepdim=True)
    return NormedTuples(rows, (linear.tuples(rows).square().mean(dim=-1) + eps).rsqrt())
