"""Ordered tuples of a clip's frames: pairs and triples hold order and speed (TRX, STRM, DPN)."""

from itertools import combinations

import torch
from torch import Tensor


def frame_tuples(frames: Tensor, size: int) -> Tensor:
    """All increasing `size`-subsets of T frames, concatenated: [..., T, C] -> [..., L, size · C].

    L = T over `size`, in lexicographic order. Raises ValueError for more than T frames in a tuple.
    """
    return frames[..., increasing(frames.shape[-2], size, device=frames.device), :].flatten(-2)


def increasing(length: int, size: int, *, device: torch.device) -> Tensor:
    """All increasing `size`-subsets of 0..length-1 in lexicographic order, [L, size].

    Raises ValueError where size is below 1 or above length.
    """
    if not 1 <= size <= length:
        raise ValueError(f"tuples of {size} frames: a clip has {length}")
    return torch.tensor(list(combinations(range(length), size)), device=device)
