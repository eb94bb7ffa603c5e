"""The classification of clips among all training classes by their texts; training only."""

import torch
from torch import Tensor

from spm.nn.cosine import cosine


def video_text_logits(frames: Tensor, all_text: Tensor, *, scale: Tensor) -> Tensor:
    """u = s · cos(mean over time, text): [..., clips, T, C], [b, C] -> [..., clips, b]."""
    return scale * cosine(frames.mean(dim=-2), all_text)


def classes_of(classes: Tensor, labels: Tensor) -> Tensor:
    """Positions among the training classes: classes [..., N], labels [..., n] -> [..., n]."""
    return torch.gather(classes, -1, labels)
