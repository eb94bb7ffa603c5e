"""Locks on folders and files: they go with the process that holds them, however it ends."""

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
    """Holds `folder`, which is made where it is missing, while the block runs.

    Raises InputError where another process holds it: `message`, in which `{process}` stands for
    that process's number. Without a message, waits until the folder is free. The lock goes with its
    process, however that ends.
    """
    while (lock := _try(folder / _LOCK, message=message)) is None:
        pass
    with lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def share(file: IO[str]) -> None:
    """Holds the open `file` until it is closed; others can hold it as well."""
    fcntl.flock(file, fcntl.LOCK_SH)


def is_sole(file: IO[str]) -> bool:
    """Whether nobody else holds `file`, which is open for writing. Ends one's own `share` of it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def discard(folder: Path) -> None:
    """Removes the lock of `folder`, which this process holds, and the folder if nothing is left."""
    (folder / _LOCK).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        with suppress(OSError):  # somebody has just begun to use it
            folder.rmdir()


def _try(path: Path, *, message: str | None) -> IO[str] | None:
    """The lock file, held; None where `discard` has removed it meanwhile."""
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
    """Whether others who open `path` find this file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    return False
