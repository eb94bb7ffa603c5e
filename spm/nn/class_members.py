"""The supports of each class side by side, whatever their order and numbers."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Members(NamedTuple):
    """Where the supports of N classes stand; K is the largest number of supports of a class."""

    where: Tensor
    """[N, K]: positions among the episode's supports; any position where none is present."""
    present: Tensor
    """[N, K] bool: whether the class has that many supports."""

    def of(self, clips: Tensor) -> Tensor:
        """clips [S, …] -> [N, K, …]."""
        return clips[self.where]


def members(labels: Tensor, *, num_classes: int) -> Members:
    """labels [S] in 0..N-1 of one episode. Supports of a class keep their order."""
    counts = F.one_hot(labels, num_classes).sum(dim=0)
    rank = torch.arange(int(counts.max()), device=labels.device)
    present = rank < counts[:, None]
    sorted_at = (counts.cumsum(0) - counts)[:, None] + rank
    index = labels.argsort(stable=True)[sorted_at.clamp(max=len(labels) - 1)]
    return Members(index, present)
