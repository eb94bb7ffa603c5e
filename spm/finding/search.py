"""Searching a long video: each picture is encoded once, and all windows share its features.

    pictures ─ tower ─ features of the last pictures ─ windows that end here ─ recognizer ─ scores

Pictures come in parts of a fixed size, read one part ahead in a process of its own. Scores are kept
part by part (spm.finding.record). Neither pictures nor features of what has passed stay in memory.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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
OnProgress = Callable[[float, float | None], None]
"""Seconds that were searched, and those of the whole video."""

T = TypeVar("T")


class Searched(NamedTuple):
    """A searched video."""

    scores: WindowScores
    """Of all windows."""
    seconds: float
    """How much of it could be read."""
    damage: tuple[Damage, ...]
    """What was lost of it."""
    is_whole: bool
    """Whether it was read to its end."""


def look_at(path: Path, *, limits: Limits = LIMITS) -> Facts:
    """What the file says of its video. Raises DataError for a file that is no video."""
    with IsolatedLong(path, Look(None, None, True), limits=limits) as long:
        return long.facts()


def search(
    recognizer: Recognizer,
    path: Path,
    *,
    windows: Windows,
    rate: float,
    record: Record,
    seconds: float | None = None,
    limits: Limits = LIMITS,
    on_progress: OnProgress | None = None,
) -> Searched:
    """Scores the windows of the video; those that are in `record` are not scored again.

    rate: pictures a second. seconds: of the whole video, for the progress bar. on_progress: as
    `find_segments` takes it. What comes after a place where the decoder crashes is not searched.
    Raises DataError for a video of which nothing can be read, TransientError where the machine ran
    out of time or memory: to be asked again.
    """
    done, crash = len(record.parts), ""
    first = max(0, done - ceil(windows.longest / PART))  # windows of the next part reach back
    total = first * PART
    features = _Features(reach=windows.longest, first=total)
    pictures = None if seconds is None else round(seconds * rate)
    bar = progress_bar(total=pictures, desc="find", unit=" pictures", initial=total)
    with bar, open_pictures(recognizer, path, rate=rate, limits=limits) as long:
        try:
            _skip(long, total)
            with closing(_ahead(pictures_of(long, size=recognizer.model.image_size))) as parts:
                for number, pixels in enumerate(parts, start=first):
                    features.add(_encode(recognizer, pixels))
                    before, total = total, total + len(pixels)
                    if number >= done:
                        ending = windows.ending(before, total)
                        record.append(_score(recognizer, features, windows, ending))
                    bar.update(len(pixels))
                    if on_progress is not None:
                        on_progress(total / rate, seconds)
        except DataError as error:
            if isinstance(error, TransientError) or (features.are_none and not done):
                raise
            crash = str(error)
        damage, is_cut = long.damage, long.is_cut
    if features.are_none:  # it crashed earlier than the last time: what was scored is not all there
        record.clear()
        return search(
            recognizer,
            path,
            windows=windows,
            rate=rate,
            record=record,
            seconds=seconds,
            limits=limits,
            on_progress=on_progress,
        )
    last = _score(recognizer, features, windows, windows.at_the_end(total))
    scores = joined([*record.parts, last], way=len(recognizer.classes)).until(total)
    if crash:
        damage = (*damage, Damage(total / rate, seconds or total / rate, crash))
    return Searched(scores, total / rate, damage, is_whole=not (crash or is_cut))


class _Features:
    """The features of the last pictures."""

    def __init__(self, *, reach: int, first: int) -> None:
        """reach: how many pictures stay at least; first: the number of the first one."""
        self._reach, self._first = reach, first
        self._held: Tensor | None = None

    @property
    def are_none(self) -> bool:
        return self._held is None

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


def open_pictures(
    recognizer: Recognizer, path: Path, *, rate: float, limits: Limits
) -> IsolatedLong:
    """The video, as the recognizer's model sees it."""
    frames = recognizer.model.config.frames
    return IsolatedLong(path, Look(rate, frames.short_side, frames.keep_aspect), limits=limits)


def _skip(long: IsolatedLong, count: int) -> None:
    ended = False
    while count and not ended:
        skipped = long.skip(count)
        count, ended = count - skipped.passed, skipped.ended


def pictures_of(long: IsolatedLong, *, size: int) -> Iterator[Frames]:
    """The next pictures, `PART` at a time: their centres, [n, size, size, 3]."""
    ended = False
    while not ended:
        pixels: list[Frames] = []
        missing = PART
        while missing and not ended:
            read = long.take(missing)
            if read.passed:
                pixels.append(center_crop(read.frames, size))
            missing, ended = missing - read.passed, read.ended
        if pixels:
            yield np.concatenate(pixels)


def _ahead(items: Iterator[T]) -> Generator[T]:
    """The items, each being made in a thread while the one before is used. Closing it waits for the
    one that is being made."""
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
