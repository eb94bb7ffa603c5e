"""The processes of one run, told from all others by a word in their environment."""

import os
import signal
import time
from contextlib import suppress

import psutil

_MARK = "CLIP_SPM_BENCH_RUN"


def marked(word: str) -> dict[str, str]:
    """What to add to the environment of a run's first process; its children inherit it."""
    return {_MARK: word}


def processes(word: str) -> list[psutil.Process]:
    """Those that live now, the oldest first."""
    found = [process for process in psutil.process_iter() if _has(process, word)]
    return sorted(found, key=psutil.Process.create_time)


def kill(*victims: psutil.Process) -> None:
    """SIGKILL, to all of them before any has gone on: they are stopped first."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in victims:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                os.kill(process.pid, number)


def kill_all(word: str) -> None:
    """Also those that are started meanwhile."""
    while found := processes(word):
        kill(*found)
        time.sleep(0.01)


def wait_for_end(word: str, *, seconds: float) -> list[psutil.Process]:
    """Waits until none is left; returns those that still live after so many seconds."""
    end = time.monotonic() + seconds
    while (left := processes(word)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _has(process: psutil.Process, word: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == word
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
