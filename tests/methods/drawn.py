"""Small methods in float64, and episodes and training arguments that fit them."""

from typing import Any

import torch

import spm.methods
from spm.config.model import Needs, read_values
from spm.methods.base import EpisodeFeatures, EpisodePixels, Losses, Method
from tests.methods.small import small

CHANNELS, FRAMES, SIDE, TRAIN_CLASSES = 16, 4, 4, 7
"""SIDE: H = W of maps. A frame of pixels has eight times as many a side."""


def needs(name: str) -> Needs:
    return read_values(name, **small(name)).needs


def build(name: str, **values: Any) -> Method:
    head = spm.methods.build(
        name,
        channels=CHANNELS,
        num_frames=FRAMES,
        train_classes=TRAIN_CLASSES,
        map_size=SIDE,
        **small(name) | values,
    )
    return head.double().eval()


def episode(
    name: str, *, shots: list[int], query: int = 2, seed: int = 0, scale: float = 1.0
) -> EpisodeFeatures:
    """Random features of what method `name` takes; class n has shots[n] supports, in order."""
    rng = torch.Generator().manual_seed(seed)
    frame = (CHANNELS, SIDE, SIDE) if needs(name).features == "maps" else (CHANNELS,)
    clips, queries = sum(shots), query * len(shots)

    def draw(*shape: int) -> torch.Tensor:
        return scale * torch.randn(*shape, dtype=torch.float64, generator=rng)

    return EpisodeFeatures(
        draw(clips, FRAMES, *frame),
        torch.arange(len(shots)).repeat_interleave(torch.tensor(shots)),
        draw(queries, FRAMES, *frame),
        draw(len(shots), CHANNELS),
        len(shots),
    )


def stacked(episodes: list[EpisodeFeatures]) -> EpisodeFeatures:
    *parts, _, _ = zip(*episodes, strict=True)
    return EpisodeFeatures(*map(torch.stack, parts), episodes[0].num_classes)


def losses(name: str, method: Method, drawn: EpisodeFeatures, labels: torch.Tensor) -> Losses:
    """As training asks for them: the classes are the last of the training classes.

    Episodes of a batch have the same texts and pixels.
    """
    rng = torch.Generator().manual_seed(9)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=rng)

    leading, texts = drawn.support_labels.shape[:-1], draw(TRAIN_CLASSES, CHANNELS)
    classes = torch.arange(TRAIN_CLASSES - drawn.num_classes, TRAIN_CLASSES)
    if drawn.class_text is not None:
        texts[classes] = drawn.class_text.reshape(-1, *drawn.class_text.shape[-2:])[0]
    pixels = None
    if needs(name).pixels:
        frame = (FRAMES, 3, 8 * SIDE, 8 * SIDE)
        sides = (draw(each.shape[-1], *frame) for each in (drawn.support_labels, labels))
        pixels = EpisodePixels(*(side.expand(*leading, *side.shape) for side in sides))
    return method.losses(
        drawn,
        labels,
        classes=classes.expand(*leading, -1),
        all_text=texts,
        pixels=pixels,
    )
