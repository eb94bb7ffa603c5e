"""Reading a long video in a process of its own (spm.isolation.watched_process), part by part."""

from pathlib import Path
from typing import NamedTuple

from spm.isolation.long_part import LongPart, LongRequest
from spm.isolation.watched_process import Limits, WatchedProcess
from spm.video.long_video import Damage, Facts


class Look(NamedTuple):
    """How pictures are read: as in LongRequest."""

    rate: float | None
    short_side: int | None
    keep_aspect: bool


class IsolatedLong:
    """A video, read from its beginning. One thread at a time may use it; after an error it answers
    no more."""

    def __init__(self, path: Path, look: Look, *, limits: Limits) -> None:
        self._path, self._look = path, look
        self._process = WatchedProcess(limits)
        self._next = 0
        self.damage: tuple[Damage, ...] = ()
        """All that was lost so far."""
        self.is_cut = False
        """Whether the video ended at a place where something is missing behind."""

    def facts(self) -> Facts:
        """What the file says of its video. Raises as `take`."""
        return self._ask(0, skip=False).facts

    def take(self, count: int) -> LongPart:
        """The next pictures, at most `count`.

        Raises as `WatchedProcess.ask` and spm.video.long_video.open_long.
        """
        return self._ask(count, skip=False)

    def skip(self, count: int) -> LongPart:
        """Passes by the next pictures, at most `count`."""
        return self._ask(count, skip=True)

    def close(self) -> None:
        self._process.close()

    def _ask(self, count: int, *, skip: bool) -> LongPart:
        request = LongRequest(self._path, *self._look, first=self._next, count=count, skip=skip)
        part = self._process.ask(request)
        assert isinstance(part, LongPart)
        self._next += part.passed
        self.damage, self.is_cut = part.damage, part.is_cut
        return part

    def __enter__(self) -> "IsolatedLong":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
