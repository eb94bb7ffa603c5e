"""A lock that is discarded is no lock: whoever had opened it takes the new one."""

import fcntl
import os
import threading

import pytest

from spm.base.errors import InputError
from spm.base.lock import discard, locked


def test_a_lock_that_is_discarded_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """Between opening and locking: two would hold the folder, each its own file."""
    flock, opened = fcntl.flock, []

    def late(lock, how):
        opened.append(os.fstat(lock.fileno()).st_ino)
        if len(opened) == 1:
            discard(tmp_path / "folder")
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with locked(tmp_path / "folder", message="{process}"):
        monkeypatch.undo()
        assert (tmp_path / "folder/lock").stat().st_ino == opened[-1]
        refused = locked(tmp_path / "folder", message="held by {process}")
        with pytest.raises(InputError, match=f"held by {os.getpid()}"):
            refused.__enter__()
    assert len(opened) == 2


def test_without_a_message_it_waits(tmp_path):
    entered = threading.Event()

    def other():
        with locked(tmp_path, message=None):
            entered.set()

    thread = threading.Thread(target=other)
    with locked(tmp_path, message=None):
        thread.start()
        assert not entered.wait(0.3)
    thread.join(10)
    assert entered.is_set()


def test_what_else_is_in_the_folder_stays(tmp_path):
    with locked(tmp_path / "a", message=""), locked(tmp_path / "b", message=""):
        (tmp_path / "a/file").write_text("kept")
        for name in ("a", "b"):
            discard(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "file"]
