r"""Temporal CrossTransformers: distances of a clip's frame tuples to a class's (TRX, STRM).

For tuples of w frames, of which a clip of T frames has L:

    x̂ = frames + positions     k = norm(W_k [x̂_1, …, x̂_w] + b_k)     v = W_v [x̂_1, …, x̂_w] + b_v
    a[i, j] = softmax over j of k(q_i)·k(s_j) / √D          j: all tuples of all supports of a class
    logit_w = −1/L Σ_i ‖v(q_i) − Σ_j a[i, j] v(s_j)‖²

Queries and supports share W_k and W_v. The logit is the mean of logit_w over the cardinalities w.

Supports enter products only, so their tuples are not formed; spm.nn.tuple_linear has the rows that
they are sums of. The affine map of a support key's norm is the query's to apply:
k(q)·(γ ⊙ z + β) = (γ ⊙ k(q))·z + k(q)·β, and the softmax over j cancels the last term.
Shapes: `N` classes, `S` supports, at most `K` of a class, `Q` queries, `C` channels, `D` width.
"""

from collections.abc import Iterator, Sequence
from math import comb

import torch
from torch import Tensor, nn

from spm.nn.class_members import members
from spm.nn.packed import packed, unpacked, width
from spm.nn.positions import AdditivePositions
from spm.nn.precision import at_least_float32
from spm.nn.tuple_linear import NormedTuples, TupleLinear, membership, normed_tuples, weighted_sum


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

    def embed_support(self, frames: Tensor) -> Tensor:
        """What `forward` needs of clips as supports: frames [clips, T, C] -> [clips, n]."""
        return torch.cat([each.embed_support(frames) for each in self], dim=1)

    def embed_query(self, frames: Tensor) -> Tensor:
        """What `forward` needs of clips as queries: frames [clips, T, C] -> [clips, m]."""
        return torch.cat([each.embed_query(frames) for each in self], dim=1)

    def forward(
        self, support: Tensor, query: Tensor, labels: Tensor, *, num_classes: int
    ) -> Tensor:
        """Logits [Q, N] of one episode's embedded clips [S, n], [Q, m]. labels [S] in 0..N-1."""
        of_classes = members(labels, num_classes=num_classes)
        with at_least_float32(support, query) as (support, query):
            widths = [(width(each.of_support), width(each.of_query)) for each in self]
            of_support, of_query = (list(each) for each in zip(*widths, strict=True))
            supports = torch.split(of_classes.of(support), of_support, dim=-1)
            queries = torch.split(query, of_query, dim=-1)
            logits = [
                each(*clips, of_classes.present)
                for each, *clips in zip(self, supports, queries, strict=True)
            ]
            return torch.stack(logits).mean(dim=0)


class CrossTransformer(nn.Module):
    """Tuples of `size` frames."""

    def __init__(
        self, channels: int, *, num_frames: int, size: int, dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.positions = AdditivePositions(dropout=dropout)
        self.key = TupleLinear(channels, dim, size=size)
        self.value = TupleLinear(channels, dim, size=size)
        self.norm = nn.LayerNorm(dim)
        self.num_frames = num_frames
        rows, tuples = size * num_frames, comb(num_frames, size)
        self.of_support = ((rows, dim), (tuples,), (rows, dim))
        self.of_query = ((tuples, dim), (tuples, dim))

    def embed_support(self, frames: Tensor) -> Tensor:
        """z and its scale, and v, by rows: frames [clips, T, C] -> [clips, n]."""
        positioned = self.positions(frames)
        keys = normed_tuples(self.key, positioned, eps=self.norm.eps)
        return packed([*keys, self.value.rows(positioned)])

    def embed_query(self, frames: Tensor) -> Tensor:
        """γ ⊙ k / √D and v, by tuples: frames [clips, T, C] -> [clips, m]."""
        positioned = self.positions(frames)
        keys = self.norm(self.key(positioned)) * self.norm.weight / self.key.out_features**0.5
        return packed([keys, self.value(positioned)])

    def forward(self, support: Tensor, query: Tensor, present: Tensor) -> Tensor:
        """support [N, K, n], query [Q, m] -> logits [Q, N]. present [N, K]: supports to heed."""
        keys, scale, values = unpacked(support, self.of_support)
        query_keys, query_values = (each.flatten(0, 1) for each in unpacked(query, self.of_query))
        belongs = membership(self.num_frames, self.key.size, like=keys)

        scores = NormedTuples(keys, scale).dot(query_keys, belongs)  # [N, Q L, K, L]
        scores = scores.masked_fill(~present[:, None, :, None], -torch.inf)
        attention = scores.flatten(-2).softmax(dim=-1).view_as(scores)
        prototypes = weighted_sum(attention, values, belongs)  # [N, Q L, D]
        difference = (query_values - prototypes).reshape(len(keys), len(query), -1)
        # Unlike the square, the norm reads the difference once. Its gradient at 0 is 0.
        norm: Tensor = torch.linalg.vector_norm(difference, dim=-1)
        return -norm.square().mT / len(belongs)
