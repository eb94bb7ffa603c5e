"""Reading clips in processes of their own: a file that crashes its reader ends that process only.

A crash is the file's fault, as an error of the decoder is. Running out of time or memory may be
this machine's fault. A process is watched but not limited: decoders meet a refused allocation in
many ways (`Invalid data`, a crash, a short video), and a limit must not change the verdict on a
file.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spm.base.errors import DataError, TransientError
from spm.config.frames import FramesConfig
from spm.isolation.decode_process import DecodeProcess
from spm.video.clip import Clip

_WATCH_SECONDS = 0.05
_CRASHES = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGABRT,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
}


class _CrashError(DataError):
    """The decoder ended its process, or closed the connection."""


@dataclass(frozen=True)
class Limits:
    """The time and memory that reading one clip may take."""

    seconds: float
    memory_mb: float
    """Memory of the process that reads the clip; without a clip this process takes 90 MB."""


class IsolatedReader:
    """Reads clips for one thread, in a process that is started, and replaced, when it is needed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: DecodeProcess | None = None

    def read(self, path: Path, *, frames: FramesConfig) -> Clip:
        """Like spm.video.reading.read_clip; raises TransientError if a limit was reached."""
        try:
            answer = self._ask(path, frames)
        except _CrashError:  # an earlier file may have left the process damaged
            answer = self._ask(path, frames)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _ask(self, *request: Any) -> Clip | Exception:
        """The worker's answer. Raises DataError if the worker ends without an answer."""
        if self._process is None:
            self._process = DecodeProcess(alarm_seconds=2 * self._limits.seconds)
        process = self._process
        try:
            process.channel.connection.send(request)
            self._wait(process)
            return process.channel.receive()
        except (EOFError, ConnectionError):
            reason = _reason(process.exit_signal())
            self.close()
            raise reason from None

    def _wait(self, process: DecodeProcess) -> None:
        seconds, memory_mb = self._limits.seconds, self._limits.memory_mb
        deadline = time.monotonic() + seconds
        while not process.channel.connection.poll(_WATCH_SECONDS):
            reason = ""
            if time.monotonic() > deadline:
                reason = f"out of time: not read within {seconds:g} s"
            elif process.memory_mb() > memory_mb:
                reason = f"out of memory: takes more than {memory_mb:g} MB"
            if reason:
                self.close()
                raise TransientError(reason)


def _reason(ended_by: signal.Signals | None) -> DataError:
    if ended_by is None:
        return _CrashError("the decoder ended its process")
    if ended_by in _CRASHES:
        return _CrashError(f"the decoder crashed ({ended_by.name})")
    if ended_by == signal.SIGKILL:
        return TransientError("out of memory: the machine had no more")
    return TransientError(f"interrupted: its process was ended ({ended_by.name})")


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
