"""Ordered tuples of a clip's frames: pairs and triples hold order and speed (TRX, STRM, DPN)."""

from itertools import combinations

import torch
from torch import Tensor


def frame_tuples(frames: Tensor, size: int) -> Tensor:
    """All increasing `size`-subsets of T frames, concatenated: [..., T, C] -> [..., L, size · C].

    L = T over `size`, in lexicographic order. Raises ValueError for more than T frames in a tuple.
    """
    length = frames.shape[-2]
    if not 1 <= size <= length:
        raise ValueError(f"tuples of {size} frames: a clip has {length}")
    chosen = torch.tensor(list(combinations(range(length), size)), device=frames.device)
    return frames[..., chosen, :].flatten(-2)
