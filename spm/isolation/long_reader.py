"""The worker's side of reading a long video: keeps it open from one part to the next."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from spm.base.arrays import Frames
from spm.isolation.long_part import LongPart, LongRequest
from spm.video.long_video import LongVideo, open_long
from spm.video.reading import resize

_NOTHING = np.empty((0, 0, 0, 3), np.uint8)


class LongReader:
    """Answers requests for one video after the other."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._video: LongVideo | None = None
        self._pictures: Iterator[Any] = iter(())
        self._show: Callable[[Any], Frames] = _unopened
        self._next = 0
        self._shown: tuple[Any, Frames] | None = None
        """The last frame that was converted: at a high rate it is on show again."""
        self._held: Frames | None = None
        """A picture of another size than those before it: the first of the next part."""

    def read(self, request: LongRequest) -> LongPart:
        """The part. Raises ValueError for a request that does not go on where the last ended."""
        if request.first == 0:
            self._start(request)
        if self._video is None or request.first != self._next:
            raise ValueError(f"asked for picture {request.first}, the next is {self._next}")
        if request.skip:
            frames: list[Frames] = []
            passed = self._pass_by(request.count)
        else:
            frames = self._take(request.count)
            passed = len(frames)
        self._next += passed
        return LongPart(
            np.stack(frames) if frames else _NOTHING,
            passed,
            ended=passed < request.count and self._held is None,
            facts=self._video.facts,
            damage=tuple(self._video.damage),
        )

    def _start(self, request: LongRequest) -> None:
        self._open.close()
        self._video = video = self._open.enter_context(open_long(request.path))
        self._pictures = video.pictures(rate=request.rate or video.facts.frames_per_second)
        size, keep = request.short_side, request.keep_aspect
        self._show = video.shower(partial(resize, short_side=size, keep_aspect=keep))
        self._next, self._shown, self._held = 0, None, None

    def _take(self, count: int) -> list[Frames]:
        """At most `count` pictures of one size."""
        frames = [] if self._held is None else [self._held]
        self._held = None
        for frame in islice(self._pictures, count - len(frames)):
            picture = self._converted(frame)
            if frames and picture.shape != frames[0].shape:
                self._held = picture
                break
            frames.append(picture)
        return frames

    def _pass_by(self, count: int) -> int:
        """Skips at most `count` pictures; returns how many there were."""
        held = 0 if self._held is None else 1
        self._held = None
        return held + sum(1 for _ in islice(self._pictures, count - held))

    def _converted(self, frame: Any) -> Frames:
        if self._shown is None or self._shown[0] is not frame:
            self._shown = frame, self._show(frame)
        return self._shown[1]


def _unopened(frame: Any) -> Frames:
    raise ValueError("no video is open")
