"""Long work, in a process that shows how far it is and that can be ended at any moment.

    work = Work("spm.page.jobs.look:look", …, turns=turns)
    result = yield from work.follow()          # yields how far it is
    work.end()                                 # from any thread: nothing of it goes on

Processes are forked from one that has imported torch already, so that each starts at once. A job is
a function, named so that the server need not import it; it gets `report` beside its arguments, and
is given up whole: it writes to new files alone.
"""

import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from spm.base.errors import DataError, InputError
from spm.base.unwritable import explained
from spm.page.results import Progress

Report = Callable[[Progress], None]
Follow = Generator[Progress, None, Any]
_CONTEXT = get_context("forkserver")
_POLL_SECONDS, _LEAVE_SECONDS = 0.2, 2
_PRELOADED = ["spm.page.jobs.preloaded"]
ENDED = "Cancelled. Nothing was changed."
_KILLED = (
    "The work was ended from outside, perhaps because this machine has no more memory: try a "
    "shorter video or fewer clips."
)


class CancelledError(InputError):
    """The user has cancelled the work."""


def warm_up() -> None:
    """Lets the process from which the others are forked import torch, once."""
    _CONTEXT.set_forkserver_preload(_PRELOADED)


class Work:
    """One work. It starts in `follow`, once it is its turn."""

    def __init__(self, job: str, *arguments: Any, turns: threading.Semaphore) -> None:
        """job: "module:function". turns: of all works that may run at the same time."""
        self._job, self._arguments, self._turns = job, arguments, turns
        self._process: ForkServerProcess | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def follow(self) -> Follow:
        """Runs the job; yields how far it is, returns its result.

        Raises the InputError that the job raised; CancelledError after `end`.
        """
        if not self._turns.acquire(blocking=False):
            yield Progress("Waiting for the work of other windows")
            while not self._turns.acquire(timeout=_POLL_SECONDS):
                self._check()
        try:
            answers = self._start()
            try:
                result = yield from self._answers(answers)
                self._leave()
                return result
            finally:
                answers.close()
                self._kill()
        finally:
            self._turns.release()

    def end(self) -> None:
        """Ends the process and all that it has started; may be called twice."""
        self._ended.set()
        with self._lock:
            self._kill()

    def _start(self) -> Connection:
        here, there = _CONTEXT.Pipe(duplex=False)
        with self._lock, there:  # closed here, so that the process's death ends its answers
            self._check()
            self._process = _CONTEXT.Process(
                target=_serve, args=(self._job, self._arguments, there), daemon=True
            )
            self._process.start()
        return here

    def _answers(self, answers: Connection) -> Follow:
        while True:
            try:
                while not answers.poll(_POLL_SECONDS):
                    self._check()
                answer, error = answers.recv()
            except (EOFError, OSError):
                self._check()
                raise DataError(_KILLED) from None
            if error is not None:
                raise error
            if not isinstance(answer, Progress):
                return answer[0]
            yield answer

    def _check(self) -> None:
        if self._ended.is_set():
            raise CancelledError(ENDED)

    def _leave(self) -> None:
        """Gives the process, which has answered, the time to clean up."""
        if self._process is not None:
            self._process.join(_LEAVE_SECONDS)

    def _kill(self) -> None:
        if self._process is not None and self._process.pid is not None:
            with suppress(ProcessLookupError):  # it has led a group of its own since it began
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()


def _serve(job: str, arguments: tuple[Any, ...], answers: Connection) -> None:
    os.setsid()  # Ctrl-C is for the server; and the group is ended with what the job has started
    threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        module, _, function = job.partition(":")
        run = getattr(importlib.import_module(module), function)
        result = run(*arguments, report=lambda progress: answers.send((progress, None)))
        answers.send(((result,), None))
    except InputError as error:
        answers.send((None, DataError(str(error))))
    except OSError as error:
        answers.send((None, DataError(explained(error) or _unforeseen(error))))
    except Exception as error:
        answers.send((None, DataError(_unforeseen(error))))


def _unforeseen(error: Exception) -> str:
    """For the page a sentence, for the terminal all of it."""
    traceback.print_exception(error, file=sys.stderr)
    return (
        f"This failed for a reason that nobody foresaw ({type(error).__name__}): the terminal in "
        "which the page was started says more."
    )


def _end_with_caller() -> None:
    caller = parent_process()
    assert caller is not None
    caller.join()
    os.killpg(os.getpgid(0), signal.SIGKILL)
