"""Files and folders that are there whole or not at all, whatever kills the writer."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spm.base.errors import StorageError
from spm.base.unwritable import writing


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: synced and renamed onto it at the end, removed on an error.

    The name is new each time, so that two writers never share one, and `path` is replaced, never
    written into: it may be a hard link into a cache. Raises StorageError for a folder that cannot
    be written, as where it is full.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, which takes its place at the end, and is removed on an error.

    What `path` held before is gone. The folder's name is the same each time, so that it takes over
    from a writer that was killed: there may be one writer at a time. Raises StorageError where it
    cannot be written, which names `path` or the folder that this is in.
    """
    new, old = (path.with_name(f".{path.name}.{state}.tmp") for state in ("new", "old"))
    with writing(path.parent):
        try:
            _remove(new, old)
            new.mkdir(parents=True)
            with _speaking_of(path, at=new):
                yield new
            if path.exists():
                path.rename(old)
            new.rename(path)
        finally:
            _remove(new, old)


@contextmanager
def _speaking_of(path: Path, *, at: Path) -> Iterator[None]:
    """What a writer in the block says of `at`, the temporary folder, is said of `path`."""
    try:
        yield
    except StorageError as error:
        said = str(error).replace(str(at.absolute()), str(path.absolute()))
        raise StorageError(said) from error


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
