"""Why a folder cannot be written: its disk is full, it is read-only, it is somebody else's.

Libraries raise OSError, with a number or without, and errors of their own that quote the system's
words. So the folder is asked as well: can it be written to?
"""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spm.base.errors import InputError, StorageError

_FULL = {errno.ENOSPC: "its disk was full", errno.EDQUOT: "its quota was used up"}
_CLOSED = {
    errno.EROFS: "its disk is read-only",
    errno.EEXIST: "it is a file, and a folder is needed",
    errno.ENOTDIR: "a folder above it is a file",
}
_NO_RIGHTS = (errno.EACCES, errno.EPERM)
_SAID_OF_A_FULL_DISK = (os.strerror(errno.ENOSPC), "database or disk is full")
_GOES_ON = "then run this again: what is done is kept, and it goes on from there"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises StorageError in place of what the block raises because `folder` cannot be written.

    An error that names a file elsewhere is none of `folder`: it is said of that file that its disk
    is full, and what else is wrong with it stays as it is.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        elsewhere = _named_elsewhere(error, folder)
        number = _said(error) or (None if elsewhere else _tried(folder))
        if number is None:
            raise
        raise StorageError(_sentence(elsewhere or folder, number)) from error


def make_writable(folder: Path, *, named_by: str = "") -> Path:
    """Makes `folder` where it is missing. Raises StorageError where it cannot be written.

    `named_by` is the variable of the environment that says which folder it is.
    """
    number = _tried(folder)
    if number is not None:
        raise StorageError(_sentence(folder, number, named_by=named_by))
    return folder


def check_room(folder: Path, *, words: str) -> None:
    """Raises StorageError where another process ended, with these words, for want of room there."""
    if _speaks_of_a_full_disk(words):
        raise StorageError(_sentence(folder, errno.ENOSPC))
    make_writable(folder)


def explained(error: OSError) -> str | None:
    """What to say of an error that met no `writing`; None where a traceback says more."""
    number = _said(error) or error.errno
    if number in _FULL and not error.filename:
        places = (Path.cwd(), Path(tempfile.gettempdir()))
        rooms = "; ".join(f"{place}: {_room(place)}" for place in places)
        return f"a disk or a quota is used up. {rooms}. Make room; {_GOES_ON}"
    if number in (*_FULL, *_NO_RIGHTS, errno.EROFS, errno.ENOTDIR) and error.filename:
        verb = "opened" if number in _NO_RIGHTS else "written"
        return _sentence(Path(os.fsdecode(error.filename)), number, verb=verb)
    return None


def free_bytes(folder: Path) -> int:
    """For this user, on the disk of `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _said(error: BaseException | None) -> int | None:
    """That a disk is full, in the number or in the words of an error or of what caused it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error.errno
        if _speaks_of_a_full_disk(str(error)):
            return errno.ENOSPC
        error = error.__cause__ or error.__context__
    return None


def _named_elsewhere(error: Exception, folder: Path) -> Path | None:
    """The file that `error` names, where it lies neither in `folder` nor on the way to it."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str | bytes):
        return None
    path = Path(os.fsdecode(error.filename))
    ours, theirs = folder.resolve(), path.resolve()
    return None if theirs.is_relative_to(ours) or ours.is_relative_to(theirs) else path


def _speaks_of_a_full_disk(words: str) -> bool:
    return any(said in words for said in _SAID_OF_A_FULL_DISK)


def _tried(folder: Path) -> int | None:
    """The number of the error that writing to `folder` gives now; None where it goes well."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x" * 4096)
    except OSError as error:
        return error.errno
    return None


def _sentence(path: Path, number: int, *, verb: str = "written", named_by: str = "") -> str:
    if number in _FULL:
        reason, remedy = f"{_FULL[number]} ({_room(path)})", "Make room there"
    elif number in _NO_RIGHTS:
        reason, remedy = f"user {os.getuid()} has no right to", "Give it to this user"
    else:
        reason, remedy = _CLOSED.get(number, os.strerror(number)), "Mend that"
    another = f"another folder ({named_by})" if named_by else "another folder"
    return f"{path.absolute()} cannot be {verb}: {reason}. {remedy}, or take {another}; {_GOES_ON}"


def _room(folder: Path) -> str:
    """As `0.2 of 6.3 MB are free now`."""
    places = (folder.absolute(), *folder.absolute().parents)
    there = next(place for place in places if os.path.exists(place))
    found = os.statvfs(there)
    whole = found.f_blocks * found.f_frsize
    return f"{free_bytes(there) / 1e6:.1f} of {whole / 1e6:.1f} MB are free now"
