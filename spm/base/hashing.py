"""Hashes of files, folders and plain values."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_SAMPLE = 1 << 16


def value_hash(value: Any) -> str:
    """SHA-256 of a plain value (dicts, lists, strings, numbers), whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of the whole file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def folder_hash(folder: Path, *, of: Callable[[Path], str] = file_hash) -> str:
    """A hash of the names of all files below `folder`, and of `of(path)` (the content) for each."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return value_hash([[path.relative_to(folder).as_posix(), of(path)] for path in files])


def cheap_key(path: Path) -> str:
    """A hash of the size and of the first and last 64 KiB: it reads little of a long video.

    It misses an edit in the middle that keeps the size; it notices re-encoding and cutting.
    """
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with open(path, "rb") as file:
        digest.update(file.read(_SAMPLE))
        file.seek(max(size - _SAMPLE, file.tell()))
        digest.update(file.read(_SAMPLE))
    return digest.hexdigest()
