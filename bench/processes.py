"""Finds and kills the processes of one run, which a word in their environment marks."""

import os
import signal
import time
from contextlib import suppress

import psutil

_MARK = "CLIP_SPM_BENCH_RUN"


def marked(word: str) -> dict[str, str]:
    """Environment variables that mark a run's first process; its children inherit them."""
    return {_MARK: word}


def processes(word: str) -> list[psutil.Process]:
    """The living processes marked with `word`, oldest first."""
    found = [process for process in psutil.process_iter() if _has(process, word)]
    return sorted(found, key=psutil.Process.create_time)


def kill(*victims: psutil.Process) -> None:
    """Stops all victims, then sends SIGKILL, so that none acts on another's death."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in victims:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                os.kill(process.pid, number)


def kill_all(word: str) -> None:
    """Kills all processes marked with `word`, also those that start meanwhile."""
    while found := processes(word):
        kill(*found)
        time.sleep(0.01)


def wait_for_end(word: str, *, seconds: float) -> list[psutil.Process]:
    """Waits until the marked processes have ended; returns those still alive after `seconds`."""
    end = time.monotonic() + seconds
    while (left := processes(word)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _has(process: psutil.Process, word: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == word
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
