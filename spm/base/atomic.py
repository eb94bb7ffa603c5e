"""Writing files and folders so that they are complete or absent, even if the writer is killed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spm.base.errors import StorageError
from spm.base.unwritable import writing


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; at the end, its file is synced and renamed to `path`.

    On an error the temporary file is removed. Its name is new each time, so that two writers never
    share a file. `path` is replaced and never written into, because it may be a hard link into a
    cache. Raises StorageError if the folder of `path` cannot be written: its disk is full, say.
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
    """Yields an empty folder beside `path`; at the end, the folder replaces `path` and its content.

    On an error the new folder is removed. Its name is the same each time, so that a writer removes
    what a killed writer left; hence only one writer may run at a time. Raises StorageError, which
    names `path` or its parent, if the folder cannot be written.
    """
    new, old = (path.with_name(f".{path.name}.{state}.tmp") for state in ("new", "old"))
    with writing(path.parent):
        try:
            _put_back(old, path)
            _remove(new, old)
            new.mkdir(parents=True)
            with _speaking_of(path, at=new):
                yield new
            if path.exists():
                path.rename(old)
            new.rename(path)
        finally:
            _put_back(old, path)
            _remove(new, old)


def link(source: Path, target: Path) -> None:
    """A hard link; a copy where `source` is on another device."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def _speaking_of(path: Path, *, at: Path) -> Iterator[None]:
    """Names `path` instead of `at`, the temporary folder, in a StorageError from the block."""
    try:
        yield
    except StorageError as error:
        said = str(error).replace(str(at.absolute()), str(path.absolute()))
        raise StorageError(said) from error


def _put_back(old: Path, path: Path) -> None:
    """After a writer that ended between its two renames, there is `old` and no `path`."""
    if old.exists() and not path.exists():
        old.rename(path)


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
