"""The inventory: which files a data set's folder holds, each with a cheap content key.

Nothing is decoded and no file is read to its end. A table of three columns, sorted by path:

    path  string  relative to the folder, with /
    size  int64   bytes; -1 where the file cannot be read (a broken link, say)
    key   string  spm.hashing.cheap_key; "" where the file cannot be read
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from spm.atomic import atomic_path
from spm.errors import DataError
from spm.hashing import cheap_key

SCHEMA = pa.schema([("path", pa.string()), ("size", pa.int64()), ("key", pa.string())])

_READERS = 8
_CACHE_COLUMNS = ["path", "size", "modified", "inode", "key"]


class _Stamp(NamedTuple):
    """What changes when a file is rewritten or replaced, as DVC and git look at it."""

    size: int
    modified: int
    """Nanoseconds."""
    inode: int


_UNREADABLE = _Stamp(size=-1, modified=0, inode=0)


def scan(folder: Path, *, cache: Path | None = None) -> pa.Table:
    """All files below `folder`; hidden ones and hidden folders are skipped, links followed.

    `cache` remembers the keys of files whose size, time and inode stay the same, so that a second
    scan of 80,000 videos reads none of them. Raises DataError for a name that is not UTF-8.
    """
    stamps = dict(sorted(_files(folder)))
    known = _read_cache(cache)
    fresh = [path for path, stamp in stamps.items() if (path, stamp) not in known]
    with ThreadPoolExecutor(_READERS) as readers:
        keys = dict(zip(fresh, readers.map(lambda path: _key(folder / path), fresh), strict=True))
    keys = {path: keys[path] if path in keys else known[path, stamps[path]] for path in stamps}
    if cache is not None and (fresh or len(known) != len(keys)):
        _write_cache(stamps, keys=keys, cache=cache)
    sizes = [stamp.size if keys[path] else -1 for path, stamp in stamps.items()]
    return pa.table([list(stamps), sizes, list(keys.values())], schema=SCHEMA)


def _files(folder: Path | str, below: str = "") -> Iterator[tuple[str, _Stamp]]:
    """Files and broken links at any depth, with their paths relative to the first `folder`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = below + entry.name
            if entry.is_dir():
                yield from _files(entry.path, f"{path}/")
            elif entry.is_file() or entry.is_symlink():
                yield _utf8(path), _stamp(entry)


def _utf8(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DataError(f"the file name {path!r} is not UTF-8: rename the file") from None
    return path


def _stamp(entry: os.DirEntry[str]) -> _Stamp:
    try:
        found = entry.stat()
    except OSError:
        return _UNREADABLE
    return _Stamp(size=found.st_size, modified=found.st_mtime_ns, inode=found.st_ino)


def _key(path: Path) -> str:
    """Empty where the file cannot be read: the manifest rejects the clip and says so."""
    try:
        return cheap_key(path)
    except OSError:
        return ""


def _read_cache(cache: Path | None) -> dict[tuple[str, _Stamp], str]:
    """Nothing where there is none. An unreadable key is tried again: rights can change."""
    if cache is None or not cache.exists():
        return {}
    table = pq.read_table(cache)
    rows = zip(*(table[name].to_pylist() for name in _CACHE_COLUMNS), strict=True)
    return {(path, _Stamp(size, time, inode)): key for path, size, time, inode, key in rows if key}


def _write_cache(stamps: dict[str, _Stamp], *, keys: dict[str, str], cache: Path) -> None:
    parts = [[stamp[part] for stamp in stamps.values()] for part in range(len(_UNREADABLE))]
    columns = [list(stamps), *parts, list(keys.values())]
    with atomic_path(cache) as temporary:
        pq.write_table(pa.table(columns, names=_CACHE_COLUMNS), temporary)
