"""BatchNorm's running statistics over several ranks, as one process would have them.

One process does r ← (1 − m) r + m s at each forward pass, s being the pass's own statistics. That
is linear: where each rank starts from a part of r, decays it by (1 − m) at every pass that is
another rank's, and does its own passes as ever, the sum over the ranks is r of one process.
Training itself never reads r, validation does.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spm.episodes.ranks import Ranks


class RunningStatistics:
    """Those of one stretch of forward passes; `model` stays in one mode meanwhile."""

    def __init__(self, model: nn.Module, ranks: Ranks) -> None:
        self._ranks = ranks
        self._norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
        if not ranks.first:
            for statistics in self._tensors():
                statistics.zero_()

    def skip(self) -> None:
        """A forward pass that is another rank's."""
        for norm in self._norms:
            assert norm.momentum is not None
            assert norm.num_batches_tracked is not None
            for statistics in _of(norm):
                statistics.mul_(1 - norm.momentum)
            norm.num_batches_tracked += 1

    def join(self) -> None:
        """After the last forward pass."""
        with torch.no_grad():
            self._ranks.sum_(self._tensors())

    def _tensors(self) -> list[Tensor]:
        return [statistics for norm in self._norms for statistics in _of(norm)]


def _of(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var
