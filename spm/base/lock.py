"""Locks on folders and files. A lock ends with the process that holds it, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from spm.base.errors import InputError

_LOCK = "lock"


@contextmanager
def locked(folder: Path, *, message: str | None) -> Iterator[None]:
    """Holds the lock of `folder` while the block runs; makes the folder if it is missing.

    If another process holds the lock, raises InputError with `message`, in which `{process}` stands
    for that process's number; without a message, waits until the lock is free. The lock ends with
    its process, however the process ends.
    """
    while (lock := _try(folder / _LOCK, message=message)) is None:
        pass
    with lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def share(file: IO[str]) -> None:
    """Holds a shared lock on the open `file` until it is closed; other processes may share it."""
    fcntl.flock(file, fcntl.LOCK_SH)


def is_sole(file: IO[str]) -> bool:
    """Whether no other process holds `file`, open for writing. Ends this process's own `share`."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def discard(folder: Path) -> None:
    """Removes the lock of `folder`, held by this process, and `folder` itself if that is empty."""
    (folder / _LOCK).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        with suppress(OSError):  # another process has just begun to use it
            folder.rmdir()


def _try(path: Path, *, message: str | None) -> IO[str] | None:
    """The lock file, locked; None if `discard` has removed the file in the meantime."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = open(path, "a+", encoding="utf-8")  # noqa: SIM115  the caller closes it
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if message is None else fcntl.LOCK_NB))
    except BlockingIOError:
        assert message is not None
        with lock:
            lock.seek(0)
            process = lock.read().strip() or "unknown"
        raise InputError(message.format(process=process)) from None
    if _is_at(path, lock):
        return lock
    lock.close()
    return None


def _is_at(path: Path, lock: IO[str]) -> bool:
    """Whether another process that opens `path` would open this file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    return False
