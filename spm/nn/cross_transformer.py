r"""Temporal CrossTransformers: distances of a clip's frame tuples to a class's (TRX, STRM).

For tuples of w frames, of which a clip of T frames has L:

    x̂ = frames + positions     k = norm(W_k [x̂_1, …, x̂_w] + b_k)     v = W_v [x̂_1, …, x̂_w] + b_v
    a[i, j] = softmax over j of k(q_i)·k(s_j) / √D          j: all tuples of all supports of a class
    logit_w = −1/L Σ_i ‖v(q_i) − Σ_j a[i, j] v(s_j)‖²

Queries and supports share W_k and W_v. The logit is the mean of logit_w over the cardinalities w.

A clip is kept as the w T rows that its tuples are sums of (spm.nn.tuple_linear), those of k before
the norm's affine map. It is the same as a support and as a query.
Shapes: `N` classes, `S` supports, at most `K` of a class, `Q` queries, `C` channels, `D` width.
"""

from collections.abc import Iterator, Sequence
from math import comb

import torch
from torch import Tensor, nn

from spm.nn.packed import packed, unpacked, width
from spm.nn.positions import AdditivePositions
from spm.nn.precision import at_least_float32
from spm.nn.supports_by_class import SupportsByClass
from spm.nn.tuple_linear import (
    NormedTuples,
    TupleLinear,
    attention_scores,
    normed_tuples,
    weighted_sum,
)


class CrossTransformers(nn.ModuleList):
    """One CrossTransformer for each cardinality; the logits are their mean."""

    def __init__(
        self,
        channels: int,
        *,
        num_frames: int,
        cardinalities: Sequence[int],
        dim: int,
        dropout: float,
    ) -> None:
        """dim: D. dropout: after the positions."""
        super().__init__(
            CrossTransformer(channels, num_frames=num_frames, size=size, dim=dim, dropout=dropout)
            for size in cardinalities
        )

    def __iter__(self) -> "Iterator[CrossTransformer]":
        return super().__iter__()  # type: ignore[return-value]

    def embed(self, frames: Tensor) -> Tensor:
        """What `forward` needs of a clip: frames [clips, T, C] -> [clips, n]."""
        return torch.cat([each.embed(frames) for each in self], dim=1)

    def forward(self, support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
        """Logits [Q, N] of one episode's embedded clips [S, n], [Q, n]."""
        widths = [width(each.shapes) for each in self]
        with at_least_float32(support, query) as (support, query):
            sides = (torch.split(each, widths, dim=-1) for each in (of_classes.of(support), query))
            logits = [
                each(*clips, of_classes.present) for each, *clips in zip(self, *sides, strict=True)
            ]
            return torch.stack(logits).mean(dim=0)


class CrossTransformer(nn.Module):
    """Tuples of `size` frames."""

    def __init__(
        self, channels: int, *, num_frames: int, size: int, dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.positions = AdditivePositions(dropout=dropout)
        self.key = TupleLinear(channels, dim, num_frames=num_frames, size=size)
        self.value = TupleLinear(channels, dim, num_frames=num_frames, size=size)
        self.norm = nn.LayerNorm(dim)
        rows = (size * num_frames, dim)
        self.shapes = (rows, (comb(num_frames, size),), rows)

    def embed(self, frames: Tensor) -> Tensor:
        """The rows of k, their scale, and the rows of v: frames [clips, T, C] -> [clips, n]."""
        positioned = self.positions(frames)
        keys = normed_tuples(self.key, positioned, eps=self.norm.eps)
        return packed([*keys, self.value.rows(positioned)])

    def forward(self, support: Tensor, query: Tensor, present: Tensor) -> Tensor:
        """support [N, K, n], query [Q, n] -> logits [Q, N]. present [N, K]: supports to heed."""
        (*keys, values), (*query_keys, query_values) = (
            unpacked(side, self.shapes) for side in (support, query)
        )
        belongs = self.key.membership.to(values.dtype)
        scores = attention_scores(
            NormedTuples(*query_keys), NormedTuples(*keys), belongs, norm=self.norm
        )
        scores = scores.masked_fill(~present[:, None, :, None], -torch.inf)  # [N, Q L, K, L]
        attention = scores.flatten(-2).softmax(dim=-1).view_as(scores)
        difference = weighted_sum(attention, values, belongs)  # [N, Q L, D]
        difference -= (belongs @ query_values).flatten(0, 1)
        # Unlike the square, the norm reads the difference once. Its gradient at 0 is 0.
        norm: Tensor = torch.linalg.vector_norm(
            difference.reshape(len(support), len(query), -1), dim=-1
        )
        return -norm.square().mT / len(belongs)
