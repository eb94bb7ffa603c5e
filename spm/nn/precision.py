"""Distances in float32 or better, whatever torch.autocast a caller has put around the model.

bfloat16 keeps three digits: of a soft minimum over sums of 1 − cos they are not enough.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def at_least_float32(*tensors: Tensor) -> Iterator[list[Tensor]]:
    """The tensors, those of half the bits as float32; in the block autocast is off."""
    with torch.autocast(tensors[0].device.type, enabled=False):
        yield [each.float() if each.dtype.itemsize < 4 else each for each in tensors]
