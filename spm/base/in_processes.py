"""Calls a function on many items in several processes.

Unlike the standard library's pool of processes, these share no lock and no queue: where one is
killed at any moment, its fork server included, the others and the caller never wait for it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any, TypeVar

from spm.base.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


class ProcessKilledError(InputError):
    """A process has ended before it had answered."""

    def __init__(self) -> None:
        super().__init__(
            "a process was killed, perhaps because this machine has no more memory: try again, if "
            "need be with fewer processes"
        )


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], *, processes: int
) -> Iterator[Result]:
    """function(item) of each item, in the order of `items`; all are pickled.

    Process p of n calls it on items p, p + n, p + 2n … An error of the function is raised here.
    All processes end with the iteration, and with the caller, also if this one is killed. Raises
    ProcessKilledError if one of them is.
    """
    context = get_context("forkserver")
    count = min(processes, len(items))
    workers, answers = list[ForkServerProcess](), list[Connection]()
    try:
        for number in range(count):
            here, there = context.Pipe(duplex=False)
            answers.append(here)
            with there:  # closed here, so that the process's death ends its answers
                given = (function, items[number::count], there)
                worker = context.Process(target=_work, args=given, daemon=True)
                _unless_killed(worker.start)
            workers.append(worker)
        for number in range(len(items)):
            result, error = _unless_killed(answers[number % count].recv)
            if error is not None:
                raise error
            yield result
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()
        for connection in answers:
            connection.close()


def _unless_killed(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (EOFError, OSError):  # OSError: in the middle of an answer
        raise ProcessKilledError from None


def _work(function: Callable[[Item], Result], items: Sequence[Item], answers: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the caller, which ends it
    threading.Thread(target=_end_with_caller, daemon=True).start()
    for item in items:
        try:
            result, error = function(item), None
        except Exception as raised:
            result, error = None, raised
        answers.send((result, error))


def _end_with_caller() -> None:
    """Else this process would outlive a killed caller for ever."""
    caller = parent_process()
    assert caller is not None
    caller.join()
    os._exit(1)
