"""Keeps distances in float32 or better where a caller runs the model under torch.autocast.

bfloat16 keeps three digits, too few for a soft minimum over sums of 1 − cos.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def at_least_float32(*tensors: Tensor) -> Iterator[list[Tensor]]:
    """Yields the tensors, half-precision ones as float32. Autocast is off inside the block."""
    with torch.autocast(tensors[0].device.type, enabled=False):
        yield [each.float() if each.dtype.itemsize < 4 else each for each in tensors]
