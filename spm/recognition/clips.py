"""Reads and encodes a user's clips one after the other, each file in a process of its own.

A file that crashes, hangs or floods its decoder ends that process, and is one unreadable clip.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.episodes.clip_pixels import seen_at_test
from spm.isolation.isolated_reader import IsolatedReader, Limits
from spm.model.model import FewShotModel

LIMITS = Limits(seconds=60, memory_mb=2048)
"""Of reading one clip: runtime.clip_seconds and clip_memory_mb of params.yaml."""


def encode_each(
    model: FewShotModel, paths: Iterable[Path], *, limits: Limits = LIMITS
) -> Iterator[tuple[Path, Tensor | str]]:
    """Each path with its features [T, *feature_shape] on the model's device; with the reason for a
    clip that cannot be read."""
    reader = IsolatedReader(limits)
    try:
        for path in paths:
            yield path, _features(model, path, reader=reader)
    finally:
        reader.close()


def encode_all(model: FewShotModel, paths: Sequence[Path], *, what: str) -> dict[Path, Tensor]:
    """Features of all clips. Raises DataError with the names of all unreadable ones."""
    features: dict[Path, Tensor] = {}
    problems: list[str] = []
    for path, found in encode_each(model, dict.fromkeys(paths)):
        if isinstance(found, str):
            problems.append(f"  {path}: {found}")
        else:
            features[path] = found
    if problems:
        raise DataError("\n".join([f"{what} that cannot be read:", *problems]))
    return features


def _features(model: FewShotModel, path: Path, *, reader: IsolatedReader) -> Tensor | str:
    config = model.config.frames
    try:
        clip = reader.read(path, frames=config)
    except (DataError, OSError) as error:
        return str(error)
    pixels = seen_at_test(clip, frames=config, size=model.image_size)
    with torch.no_grad():
        return model.encode_video(pixels.to(next(model.parameters()).device))
