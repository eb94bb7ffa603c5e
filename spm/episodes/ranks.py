"""The processes that work on one training together, on one machine or on several.

Each is a rank, numbered from 0. All of them walk through the same work in the same order, each does
its share of it, and sums put the shares together. With one process nothing is sent anywhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from spm.base.errors import ConfigError

Value = TypeVar("Value")

_TIMEOUT = timedelta(minutes=30)
"""Without a word from another machine. A rank that dies on this one is noticed at once."""


@dataclass(frozen=True)
class Ranks:
    """This process among the others."""

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes, reports and keeps the checkpoint."""
        return self.number == 0

    def mine(self, part: int) -> bool:
        """Whether part `part` of the work is this process's."""
        return part % self.count == self.number

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its sum over the ranks, by one all-reduce; one dtype, one device."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def sum_gradients(self, model: nn.Module) -> None:
        """Zero counts for a rank without an episode; what no rank reached has none, as ever."""
        if self.count == 1:
            return
        parameters = list(model.parameters())
        reached = torch.tensor([int(parameter.grad is not None) for parameter in parameters])
        self.sum_([reached])
        for parameter, ranks in zip(parameters, reached.tolist(), strict=True):
            if ranks and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.sum_([parameter.grad for parameter in parameters if parameter.grad is not None])

    def broadcast(self, value: Value) -> Value:
        """The first rank's value (tensors on the CPU and plain ones), for all."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"), weights_only=True)
        return box[0]

    def check_agree(self, training: str) -> None:
        """Raises ConfigError on a rank whose training, by its fingerprint, is not the first's."""
        if training != (expected := self.broadcast(training)):
            raise ConfigError(
                f"rank {self.number} has the training {training}, rank 0 {expected}: every machine "
                "needs the same code, params.yaml and data"
            )


ALONE = Ranks()
"""One process."""


@contextmanager
def joined(number: int, *, count: int, device: torch.device) -> Iterator[Ranks]:
    """This process as rank `number` of `count`, which meet at $MASTER_ADDR:$MASTER_PORT.

    Leaves together with the others; after an error, without them: the process is to end.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=number, world_size=count, timeout=_TIMEOUT)
    ranks = Ranks(number, count)
    yield ranks
    ranks.sum_([torch.zeros(1)])  # over the CPU: done when all have come here
    dist.destroy_process_group()
