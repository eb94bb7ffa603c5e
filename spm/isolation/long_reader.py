"""The worker's side of reading a long video: keeps it open from one request to the next."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from spm.base.arrays import Frames
from spm.isolation.long_part import LongPart, LongRequest
from spm.video.long_video import LongVideo, open_long
from spm.video.reading import resize

_NOTHING = np.empty((0, 0, 0, 3), np.uint8)
_ANSWER_SECONDS = 10.0
"""After so long it answers with the pictures that it has: at a low rate the next one may be far."""


class LongReader:
    """Answers requests for one video after the other."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._video: LongVideo | None = None
        self._pictures: Iterator[Any] = iter(())
        self._show: Callable[[Any], Frames] = _unopened
        self._next, self._ended = 0, True
        self._shown: tuple[Any, Frames] | None = None
        """The last frame that was converted: at a high rate it is on show again."""
        self._held: Frames | None = None
        """A picture of another size than those before it: the first of the next answer."""

    def read(self, request: LongRequest) -> LongPart:
        """The part. Raises ValueError for a request that does not go on where the last ended."""
        if request.first == 0:
            self._start(request)
        if self._video is None or request.first != self._next:
            raise ValueError(f"asked for picture {request.first}, the next is {self._next}")
        frames: list[Frames] = []
        passed = 0
        for picture in self._until(request.count, show=not request.skip):
            if picture is not None and frames and picture.shape != frames[0].shape:
                self._held = picture
                break
            frames += [] if picture is None else [picture]
            passed += 1
        self._next += passed
        return LongPart(
            np.stack(frames) if frames else _NOTHING,
            passed,
            ended=self._ended and self._held is None,
            facts=self._video.facts,
            damage=tuple(self._video.damage),
            is_cut=self._video.is_cut,
        )

    def _start(self, request: LongRequest) -> None:
        self._open.close()
        self._video = video = self._open.enter_context(open_long(request.path))
        self._pictures = video.pictures(rate=request.rate or video.facts.frames_per_second)
        size, keep = request.short_side, request.keep_aspect
        self._show = video.shower(partial(resize, short_side=size, keep_aspect=keep))
        self._next, self._ended, self._shown, self._held = 0, False, None, None

    def _until(self, count: int, *, show: bool) -> Iterator[Frames | None]:
        """At most `count` pictures; with `show` false, None for each."""
        begin = time.monotonic()
        if count and self._held is not None:
            held, self._held = self._held, None
            yield held if show else None
            count -= 1
        while count:
            frame = next(self._pictures, None)
            if frame is None:
                self._ended = True
                return
            yield self._converted(frame) if show else None
            count = 0 if time.monotonic() - begin > _ANSWER_SECONDS else count - 1

    def _converted(self, frame: Any) -> Frames:
        if self._shown is None or self._shown[0] is not frame:
            self._shown = frame, self._show(frame)
        return self._shown[1]


def _unopened(frame: Any) -> Frames:
    raise ValueError("no video is open")
