"""Tells the format of a weights file by its first bytes, whatever its name.

Names the remedy for each way in which downloads fail: a git-lfs pointer, a web page, a missing end.
Imports no torch, so that `inventory` can check files before the first clip is decoded.
"""

import zipfile
from pathlib import Path
from typing import Literal

from spm.base.errors import DataError

Form = Literal["safetensors", "zip", "pickle"]
"""`zip`: torch since 1.6, and TorchScript; `pickle`: torch before 1.6."""

FETCH = "fetch it again"
"""What to do about a damaged file that somebody has published."""
_LENGTH = 8
_START = 64


def form_of(path: Path, *, again: str = FETCH) -> Form:
    """The format of the file. again: what to do about a damaged one.

    Raises DataError if the file cannot be read or holds no weights.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_START)
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    if problem := _what_else(start, path, again=again):
        raise DataError(f"{path} {problem}")
    if start.startswith(b"PK"):
        return "zip"
    if start[_LENGTH : _LENGTH + 1] == b"{":
        _check_header(start, size=size, path=path, again=again)
        return "safetensors"
    if start.startswith(b"\x80"):
        return "pickle"
    raise DataError(
        f"{path} holds no weights: it starts with {start[:12]!r}, as neither a torch file nor "
        f"safetensors does: {again}"
    )


def _what_else(start: bytes, path: Path, *, again: str) -> str:
    if not start:
        return f"is empty: {again}"
    if start.startswith(b"version https://git-lfs"):
        return "is git-lfs's pointer to a file, and not the file: `git lfs pull` fetches it"
    if start.lstrip().startswith(b"<"):
        return f"is a web page, which a server sent in place of the file: {again}"
    if start.startswith(b"PK") and not _has_end(path):
        return f"is cut short, the end of its archive is missing: {again}"
    return ""


def _has_end(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return False


def _check_header(start: bytes, *, size: int, path: Path, again: str) -> None:
    if _LENGTH + int.from_bytes(start[:_LENGTH], "little") > size:
        raise DataError(f"{path} is cut short, its header is longer than the file: {again}")
