"""Writing files and folders so that they are complete or absent, even if the writer is killed."""

import errno
import os
import shutil
import stat
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
    cache. Raises StorageError if the folder of `path` cannot be written: its disk is full, say;
    and as `check_file`.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_file(path)
        temporary = _beside(path)
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
    names `path` or its parent, if the folder cannot be written; and as `check_folder`.
    """
    new, old = _states(path)
    with writing(path.parent):
        check_folder(path)
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


def check_file(path: Path) -> None:
    """Raises StorageError for a `path` that `atomic_path` does not replace: a folder, a device, a
    pipe or a socket; and for a name that is too long. A link counts as what it leads to."""
    for each in (path, _beside(path)):
        if (mode := _mode(each, named=path)) is not None and not stat.S_ISREG(mode):
            raise StorageError(f"{each.absolute()} is {_kind(mode)}, and no file: {_ANOTHER}")


def check_folder(path: Path) -> None:
    """Raises StorageError for a `path` that `atomic_folder` does not replace: all but a folder; and
    for a name that is too long. A link counts as what it leads to."""
    for each in (path, *_states(path)):
        if (mode := _mode(each, named=path)) is not None and not stat.S_ISDIR(mode):
            raise StorageError(f"{each.absolute()} is {_kind(mode)}, and no folder: {_ANOTHER}")


def link(source: Path, target: Path) -> None:
    """A hard link; a copy where `source` is on another device."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


_ANOTHER = "it stays as it is, so give another name"
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def _mode(path: Path, *, named: Path) -> int | None:
    """The kind and rights of what is there; None: nothing is, or a broken link. Raises StorageError
    about `named` if the system takes no such name."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return None
        size = len(os.fsencode(named.name))
        raise StorageError(
            f"{named.absolute()} cannot be written: its name has {size} bytes, which is too long "
            "here, or its folder's path is (a temporary name beside it is longer by up to 26): "
            "give a shorter one"
        ) from None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def _states(path: Path) -> tuple[Path, Path]:
    """The new folder while it is written, and the old one while it is replaced."""
    return path.with_name(f".{path.name}.new.tmp"), path.with_name(f".{path.name}.old.tmp")


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
