"""L_text: clips are classified among all training classes by their texts. Training only.

    u = s · cos(mean frame of a clip, text of a training class)        s learned
    L_text = mean over the clips of CE(u)

Shapes: `...` episodes, `N` classes, `n` clips (supports and queries), `T` frames, `C` channels, `b`
training classes.
"""

import torch
from torch import Tensor

from spm.nn.cosine import cosine
from spm.nn.cross_entropy import cross_entropy


def text_loss(
    frames: Tensor,
    labels: Tensor,
    *,
    classes: Tensor | None,
    all_text: Tensor | None,
    scale: Tensor,
    like: Tensor,
) -> Tensor:
    """L_text [...] of clips [..., n, T, C] with labels [..., n] in 0..N-1. scale: s.

    classes [..., N]: positions of the episode's classes among the training classes; all_text
    [b, C]: the texts of these. Zeros like `like` without the training classes.
    """
    if classes is None or all_text is None:
        return torch.zeros_like(like)
    u = scale * cosine(frames.mean(dim=-2), all_text)
    return cross_entropy(u, classes_of(classes, labels))


def weight_of_sum(weight: float, *, support_labels: Tensor, query_labels: Tensor) -> float:
    """weight · (S + Q) / Q, for labels [..., S] and [..., Q].

    Some authors weigh the sum of L_text over clips, beside the sum of L_CE over queries. This is
    the weight of means that gives the same.
    """
    supports, queries = support_labels.shape[-1], query_labels.shape[-1]
    return weight * (supports + queries) / queries


def classes_of(classes: Tensor, labels: Tensor) -> Tensor:
    """Positions among the training classes: classes [..., N], labels [..., n] -> [..., n]."""
    return torch.gather(classes, -1, labels)
