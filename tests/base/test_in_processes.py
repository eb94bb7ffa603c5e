"""Calls in several processes: order, errors, and kills at any moment."""

import multiprocessing
import os
import signal
import time
from functools import partial
from multiprocessing import forkserver

import psutil
import pytest

from spm.base.in_processes import ProcessKilledError, map_in_processes


def square(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_results_come_in_the_order_of_the_items(processes):
    found = list(map_in_processes(square, range(5), processes=processes))
    assert [result for result, _ in found] == [0, 1, 4, 9, 16]
    assert len({process for _, process in found}) == min(processes, 5)
    assert os.getpid() not in {process for _, process in found}


def test_of_nothing():
    assert list(map_in_processes(square, [], processes=2)) == []


def fail(number: int) -> int:
    if number == 2:
        raise OSError("no space left")
    return number


def test_an_error_of_the_function_is_raised_and_the_processes_end():
    answers = map_in_processes(fail, range(9), processes=2)
    assert [next(answers), next(answers)] == [0, 1]
    with pytest.raises(OSError, match="no space left"):
        next(answers)
    assert multiprocessing.active_children() == []


def slow(number: int, *, pause: float) -> int:
    time.sleep(pause)
    return number


def test_the_processes_end_with_the_iteration():
    answers = map_in_processes(partial(slow, pause=0.01), range(1000), processes=2)
    next(answers)
    assert len(multiprocessing.active_children()) == 2
    answers.close()
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_process(which):
    answers = map_in_processes(partial(slow, pause=0.01), range(100_000), processes=2)
    next(answers)
    multiprocessing.active_children()[which].kill()
    with pytest.raises(ProcessKilledError, match="with fewer processes"):
        list(answers)


def test_an_interrupt_is_the_callers(capfd):
    answers = map_in_processes(partial(slow, pause=0.01), range(50), processes=2)
    assert [next(answers), next(answers)] == [0, 1]  # both processes are at work
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGINT)
    assert list(answers) == list(range(2, 50))
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def large(number: int) -> bytes:
    return bytes(2_000_000)  # more than a pipe holds: the process waits in the middle of an answer


def test_a_process_that_is_killed_in_the_middle_of_an_answer():
    answers = map_in_processes(large, range(100), processes=1)
    next(answers)
    time.sleep(0.2)
    (process,) = multiprocessing.active_children()
    process.kill()
    with pytest.raises(ProcessKilledError):
        list(answers)


@pytest.mark.parametrize("begun", [1, 2])
def test_a_killed_fork_server_ends_what_it_had_not_started_alone(begun, monkeypatch):
    """Killed before the second start, a new one takes its place; after it, none is needed."""
    start = multiprocessing.context.ForkServerProcess.start
    started = []

    def starting(process):
        start(process)
        started.append(process)
        if len(started) == begun:
            server = psutil.Process(forkserver._forkserver._forkserver_pid)
            server.send_signal(signal.SIGKILL)
            time.sleep(0.05)

    monkeypatch.setattr(multiprocessing.context.ForkServerProcess, "start", starting)
    answers = map_in_processes(partial(slow, pause=0.001), range(50), processes=2)
    assert list(answers) == list(range(50))


def test_a_fork_server_that_is_killed_during_a_start(monkeypatch):
    def launch(*_):
        raise EOFError  # what reading the new process's number from a dead server raises

    monkeypatch.setattr(multiprocessing.popen_forkserver.Popen, "_launch", launch)
    with pytest.raises(ProcessKilledError):
        list(map_in_processes(square, range(3), processes=2))
