r"""Dual prototypes of a class from frame tuples of one size w, of which a clip has L.

    x̂ = frames + positions          t = [x̂_1, …, x̂_w], D = w C          LN: one norm for all
    k_j = LN(W_K t_j),  v_j = LN(W_V t_j)             of support j
    class-specific   c = Σ_j softmax(mean over o ≠ j of t_o · k_j / √D) v_j       o = j for one shot
    query-specific   u = Σ_j softmax(LN(W_Q t_q) · k_j / √D) v_j
    y = W_V t_q                                       of the query: no norm
    logit_w = scale · (mean of cos(c, y) + mean of cos(u, y))

Sums over j add shots. Clips are kept as the rows that their tuples are sums of
(spm.nn.tuple_linear), k before the norm's affine map γ z + β, and v as γ z. The K β that the sums
over j then lack is added to the prototypes.
Shapes: `N` classes, `K` supports of each, `Q` queries, `C` channels.
"""

from math import comb, sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.nn.packed import packed, unpacked
from spm.nn.positions import AdditivePositions
from spm.nn.tuple_linear import (
    NormedTuples,
    TupleLinear,
    attention_scores,
    balanced,
    normed_tuples,
)
from spm.nn.tuples import frame_tuples, increasing

Axis = Literal["channels", "tuples"]

_SMALLEST_NORM = 1e-12


class DualPrototypes(nn.Module):
    """Tuples of `size` frames."""

    chosen: Tensor
    """[L, w]: the frames of each tuple. In no state dict."""

    def __init__(
        self,
        channels: int,
        *,
        num_frames: int,
        size: int,
        scale: float,
        similarity_axis: Axis,
        dropout: float,
    ) -> None:
        """dropout: after the positions."""
        super().__init__()
        dim = size * channels
        self.positions = AdditivePositions(dropout=dropout)
        self.query = TupleLinear(channels, dim, num_frames=num_frames, size=size)
        self.key = TupleLinear(channels, dim, num_frames=num_frames, size=size)
        self.value = TupleLinear(channels, dim, num_frames=num_frames, size=size)
        self.norm = nn.LayerNorm(dim)
        self.register_buffer("chosen", increasing(num_frames, size), persistent=False)
        self.scale, self.similarity_axis = scale, similarity_axis
        rows, tuples = (size * num_frames, dim), (comb(num_frames, size),)
        self.of_support = ((num_frames, channels), rows, tuples, rows, tuples)
        self.of_query = (rows, tuples, rows)

    def embed_support(self, frames: Tensor) -> Tensor:
        """x̂, k before the affine map, and v - β: frames [clips, T, C] -> [clips, n]."""
        positioned = self.positions(frames)
        keys, (rows, scale) = (
            normed_tuples(each, positioned, eps=self.norm.eps) for each in (self.key, self.value)
        )
        values = balanced(rows, size=self.value.size) * self.norm.weight
        return packed([positioned, *keys, values, scale])

    def embed_query(self, frames: Tensor) -> Tensor:
        """LN(W_Q t) before the affine map, and y: frames [clips, T, C] -> [clips, m]."""
        positioned = self.positions(frames)
        query = normed_tuples(self.query, positioned, eps=self.norm.eps)
        return packed([*query, self.value.rows(positioned)])

    def forward(self, support: Tensor, query: Tensor) -> Tensor:
        """support [N, K, n], query [Q, m] -> logits [Q, N]."""
        frames, *normed = unpacked(support, self.of_support)
        keys, values = NormedTuples(*normed[:2]), NormedTuples(*normed[2:])
        *queries, rows = unpacked(query, self.of_query)
        belongs = self.value.membership.to(rows.dtype)
        y = belongs @ rows  # [Q, L, D]

        c = self._prototypes(self._among_supports(frames, keys, belongs), values, belongs)
        scores = attention_scores(NormedTuples(*queries), keys, belongs, norm=self.norm)
        if self.similarity_axis == "tuples":
            u = self._prototypes(scores, values, belongs).reshape(-1, *y.shape)  # [N, Q, L, D]
            of_queries = _channel_by_channel(u, y)
        else:
            of_queries = self._tuple_by_tuple(scores, values, rows, y, belongs)
        return self.scale * (_class_specific(c, y) + of_queries)

    def _among_supports(self, frames: Tensor, keys: NormedTuples, belongs: Tensor) -> Tensor:
        """Scores of the other shots' raw tuples: frames [N, K, T, C] -> [N, L, K, L]."""
        shots = frames.shape[1]
        if shots > 1:  # a mean of tuples is the tuple of the means
            frames = (frames.sum(dim=1, keepdim=True) - frames) / (shots - 1)
        others = frame_tuples(frames, self.chosen)  # [N, K, L, D]
        # Row j of K meets the keys of shot j alone, so each shot is a class of one clip.
        alone = NormedTuples(keys.rows[:, :, None], keys.scale[:, :, None])
        scores = alone.dot(others * self.norm.weight, belongs).squeeze(-2)  # [N, K, L, L]
        return scores.transpose(1, 2) / sqrt(others.shape[-1])

    def _tuple_by_tuple(
        self, scores: Tensor, values: NormedTuples, rows: Tensor, y: Tensor, belongs: Tensor
    ) -> Tensor:
        """Mean over L of cos(u, y), without u, which has D numbers for each class and query tuple.

        u = W R, weights of the rows R of the supports' tuples, so that u·y = W (R yᵀ) and
        ‖u‖² = W (R Rᵀ) Wᵀ. The bias β is a row as well, with weight K.
        scores [N, Q L, K, L], rows [Q, w T, D] and y [Q, L, D] of the queries -> [Q, N].
        """
        weights = values.row_weights(scores.softmax(dim=-1), belongs)
        weights = F.pad(weights, (0, 1), value=scores.shape[-2])  # [N, Q L, R]
        of_class = values.rows.flatten(-3, -2)  # [N, K w T, D]
        of_class = torch.cat([of_class, self.norm.bias.expand(len(of_class), 1, -1)], dim=1)
        by_row = rows.flatten(0, 1) @ of_class.mT  # [N, Q w T, R]
        by_row = by_row.reshape(len(of_class), *rows.shape[:2], -1)
        by_tuple = belongs @ by_row  # [N, Q, L, R]
        dot = (weights * by_tuple.flatten(1, 2)).sum(dim=-1)
        square = (weights @ (of_class @ of_class.mT) * weights).sum(dim=-1)
        norms = square.clamp(min=_SMALLEST_NORM**2).sqrt() * _norm(y, dim=-1).flatten()
        cosines: Tensor = (dot / norms).reshape(-1, *y.shape[:2])
        return cosines.clamp(-1, 1).mean(dim=-1).mT

    def _prototypes(self, scores: Tensor, values: NormedTuples, belongs: Tensor) -> Tensor:
        """Σ_j softmax(·) v_j: scores [N, X, K, L] -> [N, X, D]."""
        mixed = values.sum(scores.softmax(dim=-1), belongs)
        mixed += scores.shape[-2] * self.norm.bias
        return mixed


def _class_specific(c: Tensor, y: Tensor) -> Tensor:
    """Mean over L of cos(c, y): c [N, L, D], y [Q, L, D] -> [Q, N]."""
    dot = torch.einsum("nld,qld->qnl", c, y)
    return (dot / (_norm(y, dim=-1)[:, None] * _norm(c, dim=-1))).mean(dim=-1)


def _channel_by_channel(u: Tensor, y: Tensor) -> Tensor:
    """Mean over D of the cosines of u [N, Q, L, D] and y [Q, L, D] along L, [Q, N]."""
    dot = torch.einsum("nqld,qld->nqd", u, y)
    return (dot / (_norm(u, dim=-2) * _norm(y, dim=-2))).mean(dim=-1).mT


def _norm(x: Tensor, *, dim: int) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim)
    return norm.clamp(min=_SMALLEST_NORM)
