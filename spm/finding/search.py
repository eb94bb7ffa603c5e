"""Searching a long video: each picture is encoded once, and all windows share its features.

    pictures ─ tower ─ features of the last pictures ─ windows that end here ─ recognizer ─ scores

Pictures come in parts of a fixed size, read one part ahead in a process of its own. Scores are kept
part by part (spm.finding.record). Neither pictures nor features of what has passed stay in memory.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from spm.base.arrays import Frames
from spm.base.errors import DataError, TransientError
from spm.base.progress import progress_bar
from spm.episodes.transforms import center_crop
from spm.finding.record import Record
from spm.finding.scores import WindowScores, joined, score
from spm.finding.windows import Ints, Windows
from spm.isolation.isolated_long import IsolatedLong, Look
from spm.isolation.watched_process import Limits
from spm.recognition.recognizer import Recognizer
from spm.video.long_video import Damage, Facts

LIMITS = Limits(seconds=120, memory_mb=4096)
"""Of reading a part."""
PART = 64
"""Pictures of a part."""
_AT_ONCE = 64
"""Windows that are scored in one computation."""
_END = object()

T = TypeVar("T")


class Searched(NamedTuple):
    """A searched video."""

    seconds: float
    """How much of it could be read."""
    damage: tuple[Damage, ...]
    """What was lost of it."""
    is_whole: bool
    """Whether it was read to its end."""


class Part(NamedTuple):
    """Pictures of a video, one after the other."""

    pixels: Frames
    """[n, H, W, 3]"""
    damage: tuple[Damage, ...]
    """All that was lost so far."""


def look_at(path: Path, *, limits: Limits = LIMITS) -> Facts:
    """What the file says of its video. Raises DataError for a file that is no video."""
    with IsolatedLong(path, Look(None, None, True), limits=limits) as long:
        return long.take(0).facts


def search(
    recognizer: Recognizer,
    path: Path,
    *,
    windows: Windows,
    rate: float,
    record: Record,
    seconds: float | None = None,
    limits: Limits = LIMITS,
) -> Searched:
    """Scores the windows of the video that are not yet in `record`.

    rate: pictures a second. seconds: of the whole video, for the progress bar. What comes after a
    place where the decoder crashes is not searched. Raises DataError for a video of which nothing
    can be read, TransientError where the machine ran out of time or memory: to be asked again.
    """
    done = len(record.parts)
    # Windows of the next part reach back; the last part of a record has no pictures of its own.
    first = max(0, done - 1 - ceil(windows.longest / PART))
    features = _Features(reach=windows.longest, first=first * PART)
    total, crash = first * PART, ""
    damage: tuple[Damage, ...] = ()
    pictures = None if seconds is None else round(seconds * rate)
    bar = progress_bar(total=pictures, desc="find", unit=" pictures", initial=total)
    with bar, _open(recognizer, path, rate=rate, limits=limits) as long:
        parts = _parts(long, skip=first * PART, size=recognizer.model.image_size)
        number, ahead = first, _ahead(parts)
        while True:
            try:
                part = next(ahead, None)
            except DataError as error:
                if not total or isinstance(error, TransientError):
                    raise
                crash = str(error)
                break
            if part is None:
                break
            features.add(_encode(recognizer, part.pixels))
            before, total = total, total + len(part.pixels)
            damage = part.damage
            if number >= done:
                record.append(_score(recognizer, features, windows, windows.ending(before, total)))
            number += 1
            bar.update(len(part.pixels))
    if number >= done:
        record.append(_score(recognizer, features, windows, windows.at_the_end(total)))
    if crash:
        damage = (*damage, Damage(total / rate, seconds or total / rate, crash))
    return Searched(total / rate, damage, is_whole=not crash)


class _Features:
    """The features of the last pictures."""

    def __init__(self, *, reach: int, first: int) -> None:
        """reach: how many pictures stay at least; first: the number of the first one."""
        self._reach, self._first = reach, first
        self._held: Tensor | None = None

    def add(self, features: Tensor) -> None:
        """features [n, *feature_shape] of the next pictures."""
        if self._held is None:
            self._held = features
            return
        passed = max(0, len(self._held) - self._reach)
        self._held = torch.cat([self._held[passed:], features])
        self._first += passed

    def of(self, pictures: Ints) -> Tensor:
        """[n, T, *feature_shape] of the pictures [n, T]."""
        assert self._held is not None
        return self._held[torch.from_numpy(pictures - self._first)]


def _open(recognizer: Recognizer, path: Path, *, rate: float, limits: Limits) -> IsolatedLong:
    frames = recognizer.model.config.frames
    return IsolatedLong(path, Look(rate, frames.short_side, frames.keep_aspect), limits=limits)


def _parts(long: IsolatedLong, *, skip: int, size: int) -> Iterator[Part]:
    """The pictures after the first `skip`, `PART` at a time: their centres, size × size."""
    for _ in range(skip // PART):
        long.skip(PART)
    ended = False
    while not ended:
        pixels: list[Frames] = []
        missing = PART
        while missing and not ended:
            read = long.take(missing)
            if read.passed:
                pixels.append(center_crop(read.frames, size))
            missing, ended, damage = missing - read.passed, read.ended, read.damage
        if pixels:
            yield Part(np.concatenate(pixels), damage)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each being made while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, items, _END)
            yield item  # type: ignore[misc]


def _encode(recognizer: Recognizer, pixels: Frames) -> Tensor:
    model = recognizer.model
    with torch.no_grad():
        on_device = torch.from_numpy(pixels).to(next(model.parameters()).device)
        return model.encode_video(on_device[None])[0]


def _score(
    recognizer: Recognizer, features: _Features, windows: Windows, wanted: Ints
) -> WindowScores:
    pictures = windows.frames(wanted)
    batches = [slice(start, start + _AT_ONCE) for start in range(0, len(wanted), _AT_ONCE)]
    return joined(
        [score(recognizer, wanted[rows], features.of(pictures[rows])) for rows in batches],
        way=len(recognizer.classes),
    )
