"""Reads and encodes a user's clips one after the other, each file in a process of its own.

A file that crashes, hangs or floods its decoder ends that process, and is one unreadable clip.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.episodes.clip_pixels import seen_at_test
from spm.isolation.isolated_reader import IsolatedReader
from spm.isolation.watched_process import Limits
from spm.model.model import FewShotModel

LIMITS = Limits(seconds=60, memory_mb=2048)
"""Of reading one clip: runtime.clip_seconds and clip_memory_mb of params.yaml."""


class SeenClip(NamedTuple):
    """What a model sees of a clip."""

    pixels: Tensor
    """[T, side, side, 3] uint8, on the CPU."""
    seconds: float | None
    """How long the clip is; None: it does not say, as a folder of frames."""


class EncodedClip(NamedTuple):
    """What is kept of a clip."""

    features: Tensor
    """[T, *feature_shape] on the model's device."""
    seconds: float | None
    """How long it is; None: it does not say, as a folder of frames."""


def read_each(
    model: FewShotModel, paths: Iterable[Path], *, limits: Limits = LIMITS
) -> Iterator[tuple[Path, SeenClip | str]]:
    """Each path with what the model sees of it; with the reason for one that cannot be read."""
    reader = IsolatedReader(limits)
    try:
        for path in paths:
            yield path, _read(path, model, reader=reader)
    finally:
        reader.close()


def encode_each(
    model: FewShotModel, paths: Iterable[Path], *, limits: Limits = LIMITS
) -> Iterator[tuple[Path, EncodedClip | str]]:
    """Each path with its clip; with the reason for one that cannot be read."""
    for path, seen in read_each(model, paths, limits=limits):
        yield path, seen if isinstance(seen, str) else encode(model, seen)


def encode_all(model: FewShotModel, paths: Sequence[Path], *, what: str) -> dict[Path, EncodedClip]:
    """All clips. Raises DataError with the names of all unreadable ones."""
    clips: dict[Path, EncodedClip] = {}
    problems: list[str] = []
    for path, found in encode_each(model, dict.fromkeys(paths)):
        if isinstance(found, str):
            problems.append(f"  {path}: {found}")
        else:
            clips[path] = found
    if problems:
        raise DataError("\n".join([f"{what} that cannot be read:", *problems]))
    return clips


def encode(model: FewShotModel, seen: SeenClip) -> EncodedClip:
    """The clip on the model's device, without gradient."""
    with torch.no_grad():
        features = model.encode_video(seen.pixels.to(next(model.parameters()).device))
    return EncodedClip(features, seen.seconds)


def _read(path: Path, model: FewShotModel, *, reader: IsolatedReader) -> SeenClip | str:
    frames = model.config.frames
    try:
        clip = reader.read(path, frames=frames)
    except (DataError, OSError) as error:
        return str(error)
    return SeenClip(seen_at_test(clip, frames=frames, size=model.image_size), clip.seconds)
