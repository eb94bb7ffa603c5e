"""A process that reads for this one: a file that crashes it crashes nothing else.

A crash is the file's fault, as an error of the decoder is. Running out of time or memory may be
this machine's fault. A process is watched but not limited: decoders meet a refused allocation in
many ways (`Invalid data`, a crash, a short video), and a limit must not change the verdict on a
file.
"""

import signal
import time
from dataclasses import dataclass
from typing import Any

from spm.base.errors import DataError, TransientError
from spm.isolation.clip_channel import Pictures
from spm.isolation.decode_process import DecodeProcess

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


class CrashError(DataError):
    """The decoder ended its process, or closed the connection."""


@dataclass(frozen=True)
class Limits:
    """The time and memory that one answer may take."""

    seconds: float
    memory_mb: float
    """Memory of the process that reads; before it has read anything it takes 90 MB."""


class WatchedProcess:
    """A worker for one thread, started, and replaced, when it is needed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: DecodeProcess | None = None

    def ask(self, *request: Any) -> Pictures:
        """The worker's answer, or the exception that it sent.

        Raises CrashError if the worker ends without an answer, TransientError if a limit was
        reached or the machine ended it.
        """
        if self._process is None:
            self._process = DecodeProcess(alarm_seconds=2 * self._limits.seconds)
        process = self._process
        try:
            process.channel.connection.send(request)
            self._wait(process)
            answer = process.channel.receive()
        except (EOFError, ConnectionError):
            reason = _reason(process.exit_signal())
            self.close()
            raise reason from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

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
        return CrashError("the decoder ended its process")
    if ended_by in _CRASHES:
        return CrashError(f"the decoder crashed ({ended_by.name})")
    if ended_by == signal.SIGKILL:
        return TransientError("out of memory: the machine had no more")
    return TransientError(f"interrupted: its process was ended ({ended_by.name})")
