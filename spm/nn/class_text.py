"""The texts of an episode's classes, and of its clips."""

import torch
from torch import Tensor


def required(class_text: Tensor | None, *, by: str) -> Tensor:
    """class_text [..., N, C]. Raises ValueError if an episode has none. by: the method's name."""
    if class_text is None:
        raise ValueError(
            f"{by} takes class texts, and the episode has none (class_text is None): pass the "
            "texts of its classes, [..., N, C]"
        )
    return class_text


def texts_of(class_text: Tensor, labels: Tensor) -> Tensor:
    """class_text [..., N, C], labels [..., S] -> the text of each clip's class [..., S, 1, C]."""
    index = labels[..., None].expand(*labels.shape, class_text.shape[-1])
    leading = class_text.expand(*labels.shape[:-1], *class_text.shape[-2:])
    return torch.gather(leading, -2, index)[..., None, :]
