"""Keeps BatchNorm's running statistics over several ranks equal to those of a single process.

A single process updates r ← (1 − m) r + m s at each forward pass, with the statistics s of the
pass. The update is linear, so the ranks can split it: rank 0 starts from r, the others from 0; each
rank updates at its own passes, and multiplies by (1 − m) at the passes of the other ranks. The sum
over the ranks is then r of a single process. Validation reads r; training does not.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spm.episodes.ranks import Ranks


class RunningStatistics:
    """The running statistics during one interval of the schedule.

    The training mode of `model` must not change during the interval.
    """

    def __init__(self, model: nn.Module, ranks: Ranks) -> None:
        self._ranks = ranks
        self._norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
        if not ranks.first:
            for statistics in self._tensors():
                statistics.zero_()

    def skip(self) -> None:
        """Accounts for a forward pass of another rank."""
        for norm in self._norms:
            assert norm.momentum is not None
            assert norm.num_batches_tracked is not None
            for statistics in _of(norm):
                statistics.mul_(1 - norm.momentum)
            norm.num_batches_tracked += 1

    def join(self) -> None:
        """Sums the statistics over the ranks, after the last forward pass of the interval."""
        with torch.no_grad():
            self._ranks.sum_(self._tensors())

    def _tensors(self) -> list[Tensor]:
        return [statistics for norm in self._norms for statistics in _of(norm)]


def _of(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var
