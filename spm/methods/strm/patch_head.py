"""STRM's patch-level classifier: distances of pairs of frames, before the frames are enriched.

    e = ReLU(W_c [h_1, h_2])          2 C → C/2, no positions
    logit_p[q, n] = −mean over the query's pairs i of min over the class's pairs j of ‖e_i − e_j‖

Shapes: `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from math import comb

import torch
from torch import Tensor, nn

from spm.nn.precision import at_least_float32
from spm.nn.supports_by_class import SupportsByClass
from spm.nn.tuple_linear import TupleLinear

PAIR = 2


class PatchHead(nn.Module):
    """Classifies by the nearest pair of frames."""

    def __init__(self, channels: int, *, num_frames: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.layer = TupleLinear(channels, channels // 2, num_frames=num_frames, size=PAIR)
        self.shape = (comb(num_frames, PAIR), channels // 2)

    def embed(self, frames: Tensor) -> Tensor:
        """e: frames [clips, T, C] -> [clips, L, C/2]."""
        out: Tensor = self.layer(self.dropout(frames)).relu()
        return out

    def forward(self, support: Tensor, query: Tensor, of_classes: SupportsByClass) -> Tensor:
        """Logits [Q, N] of one episode's e: [S, L, C/2], [Q, L, C/2]."""
        with at_least_float32(support, query) as (support, query):
            pairs = of_classes.of(support)  # [N, K, L, C/2]
            nearest = _nearest(query.flatten(0, 1), pairs.flatten(1, 2), of_classes.present)
            distance: Tensor = torch.linalg.vector_norm(query.flatten(0, 1) - nearest, dim=-1)
            return -distance.reshape(len(pairs), len(query), -1).mean(dim=-1).mT


def _nearest(query: Tensor, support: Tensor, present: Tensor) -> Tensor:
    """The pair of each class that is nearest to each of the query's.

    query [X, C/2], support [N, K L, C/2] -> [N, X, C/2]. present [N, K]: supports to heed.
    ‖y‖² − 2 x·y ranks as ‖x − y‖ does and costs one product. As a distance it is inexact where x is
    near y, so the distance is not taken from it.
    """
    with torch.no_grad():
        rank = support.square().sum(dim=-1)[:, None] - 2 * (query @ support.mT)  # [N, X, K L]
        tuples = present.repeat_interleave(support.shape[1] // present.shape[1], dim=1)
        index = rank.masked_fill(~tuples[:, None], torch.inf).argmin(dim=-1)
    classes = torch.arange(len(support), device=support.device)[:, None]
    return support[classes, index]
