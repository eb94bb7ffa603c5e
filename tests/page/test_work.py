"""Long work: its progress, its result, its errors, and that it can be ended."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from spm.base.errors import DataError
from spm.page.results import Progress
from spm.page.work import CancelledError, Work


def work(name: str, *arguments: Any, turns: threading.Semaphore | None = None) -> Work:
    return Work(f"tests.page.works:{name}", *arguments, turns=turns or threading.Semaphore())


def followed(running: Work) -> tuple[list[Progress], Any]:
    steps, seen = running.follow(), list[Progress]()
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_it_says_how_far_it_is_and_then_what_came_out() -> None:
    assert followed(work("adding", 1, 2)) == ([Progress("adding", 0.5)], 3)


def test_an_error_of_the_user_is_raised_here() -> None:
    with pytest.raises(DataError, match=r"^this is no clip$"):
        followed(work("refusing"))


def test_an_error_of_ours_is_a_sentence_too() -> None:
    with pytest.raises(DataError, match=r"nobody foresaw \(ZeroDivisionError\)"):
        followed(work("failing"))


def test_a_process_that_was_killed_is_told_of() -> None:
    with pytest.raises(DataError, match="ended from outside"):
        followed(work("dying"))


def test_ending_it_ends_all_that_it_started(tmp_path: Path) -> None:
    running = work("endless", tmp_path / "pids")
    steps = running.follow()
    assert next(steps).words == "begun"
    pids = [int(each) for each in (tmp_path / "pids").read_text(encoding="utf-8").split()]
    threading.Timer(0.1, running.end).start()
    with pytest.raises(CancelledError, match="Nothing was changed"):
        next(steps)
    deadline = time.monotonic() + 5
    while any(map(_lives, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_turn_is_waited_for_and_given_back() -> None:
    turns = threading.Semaphore(1)
    turns.acquire()
    steps = work("adding", 1, 2, turns=turns).follow()
    assert "Waiting" in next(steps).words
    turns.release()
    assert next(steps).words == "adding"
    with pytest.raises(StopIteration):
        next(steps)
    assert turns.acquire(blocking=False)


def test_what_waits_is_cancelled_too() -> None:
    turns = threading.Semaphore(0)
    running = work("adding", 1, 2, turns=turns)
    steps = running.follow()
    next(steps)
    running.end()
    with pytest.raises(CancelledError):
        next(steps)
    assert not turns.acquire(blocking=False)


def _lives(pid: int) -> bool:
    """A zombie, which the fork server has not yet waited for, is dead."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
