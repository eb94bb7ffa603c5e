"""A background of a small model, in which clips of a class are near a direction of its own."""

import torch
from torch import Tensor

from spm.model.background import Background
from spm.model.model import FewShotModel

FRAMES, CHANNELS = 4, 16


def clips_of(
    direction: int,
    *,
    count: int,
    seed: int = 0,
    noise: float = 0.3,
    frames: int = FRAMES,
    channels: int = CHANNELS,
) -> Tensor:
    """[count, T, C]"""
    rng = torch.Generator().manual_seed(100 * direction + seed)
    mean = 3 * torch.eye(channels)[direction]
    return mean + noise * torch.randn(count, frames, channels, generator=rng)


def background(
    *,
    classes: int = 6,
    validation: int = 5,
    shots: int = 6,
    frames: int = FRAMES,
    channels: int = CHANNELS,
) -> Background:
    """`classes` training classes have the first directions, validation classes the next."""
    directions = range(classes, classes + validation)
    sizes = {"frames": frames, "channels": channels}
    held = [clips_of(number, count=shots, **sizes) for number in directions]
    return Background.of(
        torch.cat([clips_of(number, count=1, **sizes) for number in range(classes)]),
        torch.eye(channels)[:classes],
        validation=torch.cat(held),
        labels=torch.arange(validation).repeat_interleave(shots),
        validation_texts=torch.eye(channels)[list(directions)],
    )


def with_background(model: FewShotModel, **sizes: int) -> FewShotModel:
    model.background = background(**sizes)
    return model
