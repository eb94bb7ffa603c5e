"""Rows of bench.gpu on evaluation: episodes/s of every method on frame features [T, C]."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import torch

from bench.gpu_case import Sizes, evaluation_seconds
from bench.models import CLIP_HEAD, FRAMES, build
from spm.config.model import method_names, read_values
from spm.episodes.device import place
from spm.methods.base import Method
from spm.methods.registry import build as build_method

CHANNELS = (512, 1024)
"""C of ViT-B/16 and of RN50."""
SHOTS = (1, 5)
_TRAIN_CLASSES = 64


class Head(NamedTuple):
    """A method, and the episodes that it classifies."""

    method: str
    channels: int
    shot: int

    @property
    def about(self) -> dict[str, Any]:
        """The first columns of the row."""
        return self._asdict()


def heads(*, toy: bool) -> Iterator[Head]:
    """Every method that takes frame features, at each C and shot."""
    for name in on_frames():
        for channels, shot in ((64, 1),) if toy else product(CHANNELS, SHOTS):
            yield Head(name, channels, shot)


def on_frames() -> list[str]:
    """The methods that take frame features."""
    return [name for name in method_names() if read_values(name).needs.features == "frames"]


def run(head: Head, device: torch.device, sizes: Sizes) -> dict[str, Any]:
    model = build(channels=head.channels)
    model.method = method(head.method, channels=head.channels)
    seconds = evaluation_seconds(
        place(model, device),
        shot=head.shot,
        episodes=sizes.evaluated,
        batch=sizes.evaluation_batch,
    )
    return {
        "evaluation episodes/s": sizes.evaluated / seconds,
        "seconds for 10,000 evaluation episodes": seconds * 10_000 / sizes.evaluated,
    }


def method(name: str, *, channels: int) -> Method:
    """The method with its initial values; CLIP-SPM in the size of its paper."""
    sizes = CLIP_HEAD if name == "clip_spm" else {}
    return build_method(
        name, channels=channels, num_frames=FRAMES, train_classes=_TRAIN_CLASSES, **sizes
    )


def line(row: dict[str, Any]) -> str:
    return (
        f"{row['evaluation episodes/s']:8.0f} episodes/s  "
        f"10,000 in {row['seconds for 10,000 evaluation episodes']:6.1f} s"
    )
