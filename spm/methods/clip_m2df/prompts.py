"""PPS, the probability prompt selector: which class's text prompts a query of unknown class.

    a[q, n] = mean of the `count` largest over time of cos(text n, frame t of q)
    argmax    the class of the largest a
    draw      one class from softmax(temperature · a)

A draw is a function of the query's features and a seed: neither the episode's other queries, nor
the order of its classes, nor the random state enters it.
"""

from hashlib import blake2b

import torch
from einops import rearrange
from torch import Tensor

from spm.nn.cosine import cosine
from spm.nn.precision import at_least_float32


def similarity(query: Tensor, class_text: Tensor, *, count: int) -> Tensor:
    """a [..., Q, N]: query [..., Q, T, C], class_text [..., N, C], count <= T."""
    with at_least_float32(query, class_text) as (query, class_text):
        cosines = cosine(query.flatten(-3, -2), class_text)
        of_frames = rearrange(cosines, "... (q t) n -> ... q n t", t=query.shape[-2])
        nearest: Tensor = of_frames.topk(count, dim=-1).values
        return nearest.mean(dim=-1)


def nearest_frames(frames: Tensor, text: Tensor, *, count: int) -> Tensor:
    """The `count` frames of each clip that are most similar to its text, the most similar first.

    frames [..., T, C], text [..., 1, C] -> [..., count, C].
    """
    with at_least_float32(frames, text) as (compared, to):
        chosen = cosine(compared, to).topk(count, dim=-2).indices  # [..., count, 1]
    return frames.gather(-2, chosen.expand(*chosen.shape[:-1], frames.shape[-1]))


def draw(probabilities: Tensor, query: Tensor, *, seed: int) -> Tensor:
    """A class of each query [..., Q]: probabilities [..., Q, N], query [..., Q, T, C].

    The classes share out the numbers from 0 to 1 in the order of falling probability, not in the
    order of their labels, which differs between episodes.
    """
    falling, classes = probabilities.double().sort(dim=-1, descending=True, stable=True)
    passed = falling.cumsum(dim=-1) <= _uniform(query, seed=seed)[..., None]
    place = passed.sum(dim=-1, keepdim=True).clamp(max=classes.shape[-1] - 1)  # rounding: Σ < 1
    return classes.gather(-1, place).squeeze(-1)


def _uniform(query: Tensor, *, seed: int) -> Tensor:
    """A number from 0 to 1 for each query [..., Q], from a hash of its features in float32."""
    key = seed.to_bytes(16, "little")
    rows = query.detach().float().cpu().flatten(0, -3).numpy()
    digests = (blake2b(row.tobytes(), key=key, digest_size=6).digest() for row in rows)
    drawn = [int.from_bytes(digest, "little") / 2**48 for digest in digests]
    out = torch.tensor(drawn, dtype=torch.float64, device=query.device)
    return out.reshape(query.shape[:-2])
