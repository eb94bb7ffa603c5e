"""A lock on a folder, for as long as a process lives."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spm.errors import InputError

_LOCK = "lock"


@contextmanager
def locked(folder: Path, *, message: str) -> Iterator[None]:
    """Holds `folder`, which is made where it is missing, while the block runs.

    Raises InputError where another process holds it: `message`, in which `{process}` stands for
    that process's number. The lock goes with its process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / _LOCK, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise InputError(message.format(process=lock.read().strip() or "unknown")) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
