"""The inventory: which clips a data set's folder holds, each with a cheap content key.

Nothing is decoded and no file is read to its end. A table of four columns, sorted by path:

    path  string  relative to the folder, with /
    size  int64   bytes; -1 where the file cannot be read (a broken link, say)
    key   string  spm.base.hashing.cheap_key; "" where the file cannot be read. A folder of frames
                  has a hash of all names and sizes and of the contents of three frames
    kind  string  file: a video; folder: a folder of frames; stray: a video in no such folder;
                  aside: not a clip by its name, and not read (spm.dataset.inventory_walk)
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.base.file_notes import Stamp
from spm.base.hashing import cheap_key, value_hash
from spm.config.dataset import ClipKind
from spm.dataset.inventory_walk import Found, frames_in, walk
from spm.video.clip_files import EXTENSIONS, IMAGES, is_image, is_video, may_be_clip, not_read

SCHEMA = pa.schema(
    [("path", pa.string()), ("size", pa.int64()), ("key", pa.string()), ("kind", pa.string())]
)

_READERS = 8
_CACHE_COLUMNS = ["path", "size", "modified", "inode", "key"]


def scan(folder: Path, *, kind: ClipKind = "videos", cache: Path | None = None) -> pa.Table:
    """The inventory of `folder`: its clips of `kind`, and its asides.

    `cache` remembers the keys of clips whose size, time and inode stay the same, so that a second
    scan of 80,000 videos reads none of them. Raises DataError for a name that is not UTF-8, for a
    folder with clips of the other kind only, and for one with videos only that are not read.
    """
    found = sorted(walk(folder, kind=kind))
    _check_kind(found, kind=kind, folder=folder)
    known = _read_cache(cache)
    asides = [each for each in found if each.kind == "aside"]
    found = [each for each in found if each.kind != "aside"]
    fresh = [each for each in found if (each.path, each.stamp) not in known]
    with ThreadPoolExecutor(_READERS) as readers:
        read = readers.map(lambda each: _key(folder / each.path, kind=each.kind), fresh)
        known |= {(each.path, each.stamp): key for each, key in zip(fresh, read, strict=True)}
    keys = [known[each.path, each.stamp] for each in found]
    if cache is not None and (fresh or len(known) != len(found)):
        _write_cache(found, keys=keys, cache=cache)
    rows = [(*each, key) for each, key in zip(found, keys, strict=True)]
    rows += [(*each, "") for each in asides]
    return _table(sorted(rows))


def _table(rows: list[tuple[str, Stamp, str, str]]) -> pa.Table:
    columns = {
        "path": [path for path, _, _, _ in rows],
        "size": [stamp.size if key else -1 for _, stamp, _, key in rows],
        "key": [key for _, _, _, key in rows],
        "kind": [kind for _, _, kind, _ in rows],
    }
    return pa.table(columns, schema=SCHEMA)


def _check_kind(found: list[Found], *, kind: ClipKind, folder: Path) -> None:
    """Raises DataError for clips of the other kind, before a million images are opened as clips."""
    if kind == "videos":
        clips = any(is_video(each.path) for each in found)
    else:
        clips = any(each.kind == "folder" and each.stamp.size for each in found)
    if clips:
        return
    is_other = is_image if kind == "videos" else may_be_clip
    others = [each.path for each in found if is_other(each.path)]
    if others:
        raise DataError(_other_kind(others, kind=kind, folder=folder))
    videos = [each.path for each in found if may_be_clip(each.path)]
    if videos:
        raise DataError(
            f"{folder} holds no video that is read, but {len(videos)} others, such as {videos[0]}: "
            f"{not_read(videos[0])}"
        )


def _other_kind(others: list[str], *, kind: ClipKind, folder: Path) -> str:
    wanted, given, right = {
        "videos": (f"video ({', '.join(EXTENSIONS)})", "images", "frame_folders"),
        "frame_folders": (f"folder of frames ({', '.join(IMAGES)})", "videos", "videos"),
    }[kind]
    return (
        f"dataset.kind is {kind}, but {folder} holds no {wanted}; it holds {len(others)} {given} "
        f"(such as {others[0]}): set dataset.kind: {right}"
    )


def _key(path: Path, *, kind: str) -> str:
    """The content key; "" if the file cannot be read: then the manifest rejects the clip."""
    try:
        return _frames_key(path) if kind == "folder" else cheap_key(path)
    except OSError:
        return ""


def _frames_key(folder: Path) -> str:
    """A hash of all names and sizes, and of the first, the middle and the last frame by name."""
    frames = sorted(frames_in(folder), key=lambda frame: frame.name)
    sizes = [[frame.name, frame.stat().st_size] for frame in frames]
    read = [frames[place] for place in (0, len(frames) // 2, -1)] if frames else []
    return value_hash([sizes, [cheap_key(Path(frame.path)) for frame in read]])[:32]


def _read_cache(cache: Path | None) -> dict[tuple[str, Stamp], str]:
    """The keys in the cache, {} without one. A clip without a key is tried again: rights can
    change."""
    if cache is None or not cache.exists():
        return {}
    table = pq.read_table(cache)
    rows = zip(*(table[name].to_pylist() for name in _CACHE_COLUMNS), strict=True)
    return {(path, Stamp(size, time, inode)): key for path, size, time, inode, key in rows if key}


def _write_cache(found: list[Found], *, keys: list[str], cache: Path) -> None:
    rows = [(each.path, *each.stamp, key) for each, key in zip(found, keys, strict=True)]
    columns = [[row[column] for row in rows] for column in range(len(_CACHE_COLUMNS))]
    with atomic_path(cache) as temporary:
        pq.write_table(pa.table(columns, names=_CACHE_COLUMNS), temporary)
