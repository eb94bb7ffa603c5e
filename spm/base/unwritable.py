"""Why a folder cannot be written: its disk is full or read-only, or the user has no right to.

Libraries raise OSError, with an errno or without, or errors of their own that quote the system's
message. So this module also tries to write to the folder.
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
    """Replaces an error of the block by StorageError if `folder` cannot be written.

    An error that names a file outside `folder` says nothing about `folder`. It becomes a
    StorageError about that file if the file's disk is full; otherwise it passes through unchanged.
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
    """Makes `folder` if it is missing. Raises StorageError if it cannot be written.

    `named_by` is the environment variable that chooses this folder.
    """
    number = _tried(folder)
    if number is not None:
        raise StorageError(_sentence(folder, number, named_by=named_by))
    return folder


def check_room(folder: Path, *, words: str) -> None:
    """Raises StorageError if `folder` cannot be written, or if `words` say that its disk was full.

    `words`: the last output of another process that wrote there.
    """
    if _speaks_of_a_full_disk(words):
        raise StorageError(_sentence(folder, errno.ENOSPC))
    make_writable(folder)


def explained(error: OSError) -> str | None:
    """The sentence for an error outside any `writing` block; None if a traceback says more."""
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
    """Bytes that this user may still write on the disk of `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _said(error: BaseException | None) -> int | None:
    """The errno of a full disk if the number or message of `error`, or of its cause, says so; else
    None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error.errno
        if _speaks_of_a_full_disk(str(error)):
            return errno.ENOSPC
        error = error.__cause__ or error.__context__
    return None


def _named_elsewhere(error: Exception, folder: Path) -> Path | None:
    """The file that `error` names; None if it lies in `folder` or on the way to it, or is not
    named."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str | bytes):
        return None
    path = Path(os.fsdecode(error.filename))
    ours, theirs = folder.resolve(), path.resolve()
    return None if theirs.is_relative_to(ours) or ours.is_relative_to(theirs) else path


def _speaks_of_a_full_disk(words: str) -> bool:
    return any(said in words for said in _SAID_OF_A_FULL_DISK)


def _tried(folder: Path) -> int | None:
    """The errno of a trial write to `folder`; None if the write succeeds."""
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
    """Free and total space of a disk, as `0.2 of 6.3 MB are free now`."""
    places = (folder.absolute(), *folder.absolute().parents)
    there = next(place for place in places if os.path.exists(place))
    found = os.statvfs(there)
    whole = found.f_blocks * found.f_frsize
    return f"{free_bytes(there) / 1e6:.1f} of {whole / 1e6:.1f} MB are free now"
