"""Writing one shard (the format: spm.frames.shards)."""

import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.base.atomic import atomic_path
from spm.base.errors import DataError, TransientError
from spm.base.new_hdf5 import new_hdf5
from spm.base.unwritable import make_writable, writing
from spm.frames.shards import FRAME, Storage, tables_crc32
from spm.video.clip import Clip

_BLOCK = 1 << 24


def write_shard(
    path: Path,
    clips: Iterable[tuple[str, Clip | DataError]],
    *,
    frames_per_clip: int,
    storage: Storage,
    jpeg_quality: int,
) -> None:
    """Writes clips as they come: each is an id with its frames, or with the error that rejects it.

    No more than one clip is held in memory. The file appears at the end, or not at all.
    """
    frames, good, bad = [], [], []
    make_writable(path.parent)
    with writing(path.parent), tempfile.TemporaryFile(dir=path.parent) as spool:
        for clip_id, clip in clips:
            if isinstance(clip, DataError):
                bad.append((clip_id, str(clip), isinstance(clip, TransientError)))
                continue
            if len(clip.frames) != frames_per_clip:
                raise ValueError(f"{clip_id}: {len(clip.frames)} frames, not {frames_per_clip}")
            frames += [_spool(spool, frame, storage, jpeg_quality) for frame in clip.frames]
            height, width = clip.frames.shape[1:3]
            good.append((clip_id, height, width, clip.video_frames, clip.reader))
        tables = {
            "frames": np.array(frames, dtype=FRAME),
            "clips": _table(
                good, id="S", height="<i4", width="<i4", video_frames="<i4", reader="S"
            ),
            "rejected": _table(bad, id="S", reason="S", transient="u1"),
        }
        attributes = {"frames_per_clip": frames_per_clip, "storage": storage}
        with atomic_path(path) as temporary:
            _write_file(temporary, tables=tables, attributes=attributes, spool=spool)


def _spool(spool: IO[bytes], frame: Frames, storage: Storage, quality: int) -> tuple[int, int]:
    """Appends one frame; returns its row of the table of frames."""
    data = _encode_jpeg(frame, quality=quality) if storage == "jpeg" else frame.tobytes()
    spool.write(data)
    return spool.tell(), zlib.crc32(data)


def _write_file(
    path: Path, *, tables: dict[str, Any], attributes: dict[str, Any], spool: IO[bytes]
) -> None:
    with new_hdf5(path) as file:
        for name, value in {**attributes, "tables_crc32": tables_crc32(tables)}.items():
            file.attrs[name] = value
        for name, table in tables.items():
            file.create_dataset(name, data=table)
        data = file.create_dataset("data", shape=(spool.tell(),), dtype=np.uint8)
        spool.seek(0)
        position = 0
        while block := spool.read(_BLOCK):
            data.write_direct(
                np.frombuffer(block, np.uint8), dest_sel=np.s_[position : position + len(block)]
            )
            position += len(block)


def _table(rows: list[tuple[Any, ...]], **columns: str) -> npt.NDArray[Any]:
    """A table with these columns; text is UTF-8, padded to the longest in its column."""
    encoded = [tuple(v.encode() if isinstance(v, str) else v for v in row) for row in rows]
    kinds = []
    for position, (name, kind) in enumerate(columns.items()):
        longest = max([len(row[position]) for row in encoded] or [1]) if kind == "S" else ""
        kinds.append((name, f"{kind}{longest}"))
    return np.array(encoded, dtype=kinds)


def _encode_jpeg(frame: Frames, *, quality: int) -> bytes:
    import simplejpeg

    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(frame), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return data
