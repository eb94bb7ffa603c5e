"""Ordered tuples of a clip's frames: pairs and triples hold order and speed (TRX, STRM, DPN)."""

from itertools import combinations

import torch
from torch import Tensor


def increasing(num_frames: int, size: int) -> Tensor:
    """All increasing `size`-subsets of T frames in lexicographic order, [L, size].

    A module keeps it as a buffer: made anew, it would be copied to the GPU at each call. Raises
    ValueError where size is below 1 or above T.
    """
    if not 1 <= size <= num_frames:
        raise ValueError(
            f"tuples of {size} frames: a clip has {num_frames}, and a tuple holds 1 to {num_frames}"
        )
    return torch.tensor(list(combinations(range(num_frames), size)))


def frame_tuples(frames: Tensor, chosen: Tensor) -> Tensor:
    """The frames of each tuple, concatenated: [..., T, C], `increasing` [L, w] -> [..., L, w C]."""
    return frames[..., chosen, :].flatten(-2)
