"""Ranks: the processes that share one training or evaluation, on one machine or several.

All ranks loop over the same work in the same order. Each rank does its share, and an all-reduce
sums the shares. A single process communicates with nobody.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from spm.base.errors import ConfigError

Value = TypeVar("Value")

_TIMEOUT = timedelta(minutes=30)
"""How long a rank waits for a rank on another machine. One that dies on this machine ends all at
once."""


@dataclass(frozen=True)
class Ranks:
    """The number of this process, and how many processes there are."""

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is rank 0, the only rank that writes files, reports and saves."""
        return self.number == 0

    def mine(self, part: int) -> bool:
        """Whether this process does part number `part` of the work."""
        return part % self.count == self.number

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its sum over the ranks, in one all-reduce.

        All tensors have the same dtype and device.
        """
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def sum_gradients(self, model: nn.Module) -> None:
        """Sums the gradients of `model` over the ranks.

        A rank without a gradient for a parameter contributes 0. A parameter without a gradient on
        any rank keeps None, so that the optimizer skips it as in a single process.
        """
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
        """Rank 0's `value`, on every rank. It holds plain values and tensors on the CPU.

        torch's own broadcast of objects would run pickled code in torch 2.11 and before.
        """
        if self.count == 1:
            return value
        written = BytesIO()
        torch.save(value, written)
        content = torch.frombuffer(bytearray(written.getbuffer()), dtype=torch.uint8)
        size = torch.tensor(len(content))
        dist.broadcast(size, src=0)
        content = content if self.first else torch.empty(int(size), dtype=torch.uint8)
        dist.broadcast(content, src=0)
        received: Value = torch.load(BytesIO(content.numpy().tobytes()), weights_only=True)
        return received

    def check_agree(self, training: str) -> None:
        """Raises ConfigError on a rank whose fingerprint `training` differs from rank 0's."""
        if training != (expected := self.broadcast(training)):
            raise ConfigError(
                f"rank {self.number} has the training {training}, rank 0 {expected}: every machine "
                "needs the same code, params.yaml and data"
            )


ALONE = Ranks()
"""The ranks of a run with a single process."""


@contextmanager
def joined(number: int, *, count: int, device: torch.device) -> Iterator[Ranks]:
    """Joins rank `number` of `count` to the group at $MASTER_ADDR:$MASTER_PORT.

    The block's end waits for all ranks. After an exception it does not wait: the process must end.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, rank=number, world_size=count, timeout=_TIMEOUT)
    ranks = Ranks(number, count)
    yield ranks
    ranks.sum_([torch.zeros(1)])  # a barrier on the CPU
    dist.destroy_process_group()
