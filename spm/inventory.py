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
_CACHE_COLUMNS = ("path", "size", "modified", "inode", "key")


class _Stamp(NamedTuple):
    """What changes when a file is rewritten or replaced, as DVC and git look at it."""

    size: int
    modified: int
    """Nanoseconds."""
    inode: int


_Known = dict[tuple[str, _Stamp], str]


def scan(folder: Path, *, cache: Path | None = None) -> pa.Table:
    """All files below `folder`; hidden ones and hidden folders are skipped, links followed.

    `cache` remembers the keys of files whose size, time and inode stay the same, so that a second
    scan of 80,000 videos reads none of them. Raises DataError for a name that is not UTF-8.
    """
    found = {_relative(path, folder): path for path in _files(folder)}
    stamps = {name: _stamp(path) for name, path in found.items()}
    known = _read_cache(cache)
    fresh = [name for name, stamp in stamps.items() if (name, stamp) not in known]
    with ThreadPoolExecutor(_READERS) as readers:
        keys = dict(zip(fresh, readers.map(lambda name: _key(found[name]), fresh), strict=True))
    entries = [
        (name, stamp, keys[name] if name in keys else known[name, stamp])
        for name, stamp in sorted(stamps.items())
    ]
    if cache is not None and (fresh or len(known) != len(entries)):
        _write_cache(entries, cache)
    rows = [(name, stamp.size if key else -1, key) for name, stamp, key in entries]
    return pa.table(dict(zip(SCHEMA.names, _columns(rows, 3), strict=True)), schema=SCHEMA)


def _files(folder: Path) -> Iterator[Path]:
    """Files and broken links, at any depth."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files(Path(entry.path))
            elif entry.is_file() or entry.is_symlink():
                yield Path(entry.path)


def _relative(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DataError(f"the file name {name!r} is not UTF-8: rename the file") from None
    return name


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return _Stamp(size=-1, modified=0, inode=0)
    return _Stamp(size=found.st_size, modified=found.st_mtime_ns, inode=found.st_ino)


def _key(path: Path) -> str:
    """Empty where the file cannot be read: the manifest rejects the clip and says so."""
    try:
        return cheap_key(path)
    except OSError:
        return ""


def _read_cache(cache: Path | None) -> _Known:
    """Nothing where there is none. An unreadable key is tried again: rights can change."""
    if cache is None or not cache.exists():
        return {}
    columns = pq.read_table(cache).to_pydict()
    rows = zip(*(columns[name] for name in _CACHE_COLUMNS), strict=True)
    return {(path, _Stamp(*stamp)): key for path, *stamp, key in rows if key}


def _write_cache(entries: list[tuple[str, _Stamp, str]], cache: Path) -> None:
    rows = [(path, *stamp, key) for path, stamp, key in entries]
    columns = dict(zip(_CACHE_COLUMNS, _columns(rows, 5), strict=True))
    with atomic_path(cache) as temporary:
        pq.write_table(pa.table(columns), temporary)


def _columns(rows: list[tuple], width: int) -> list[list]:  # type: ignore[type-arg]
    return [[row[column] for row in rows] for column in range(width)]
