"""Reading clips in processes of their own (spm.isolation.watched_process)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spm.config.frames import FramesConfig
from spm.isolation.watched_process import CrashError, Limits, WatchedProcess
from spm.video.clip import Clip


class IsolatedReader:
    """Reads clips for one thread, each within `limits`."""

    def __init__(self, limits: Limits) -> None:
        self._process = WatchedProcess(limits)

    def read(self, path: Path, *, frames: FramesConfig) -> Clip:
        """Like spm.video.reading.read_clip; raises TransientError if a limit was reached."""
        try:
            answer = self._process.ask(path, frames)
        except CrashError:  # an earlier file may have left the process damaged
            answer = self._process.ask(path, frames)
        assert isinstance(answer, Clip)
        return answer

    def close(self) -> None:
        self._process.close()


class Readers:
    """A reader for each thread that reads at the same time; all are closed at the block's end."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all: list[IsolatedReader] = []
        self._idle: list[IsolatedReader] = []

    @contextmanager
    def borrow(self) -> Iterator[IsolatedReader]:
        """A reader for the calling thread alone."""
        try:
            reader = self._idle.pop()
        except IndexError:
            reader = IsolatedReader(self._limits)
            self._all.append(reader)
        try:
            yield reader
        finally:
            self._idle.append(reader)

    def __enter__(self) -> "Readers":
        return self

    def __exit__(self, *error: object) -> None:
        for reader in self._all:
            reader.close()
