"""One shard of features: an HDF5 file with the features of many clips, written once.

    data     float16 or float32 [views, T, ...]   all views after one another
    views    {crc32}                              per view: checksum of its bytes
    clips    {id, first, views}                   where a clip's views begin, and how many it has

A clip's view 0 is what a test sees; the others are random. `data` is one contiguous block, which is
mapped and not read whole. The same features give the same bytes.
"""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.base.new_hdf5 import new_hdf5
from spm.base.unwritable import make_writable, writing
from spm.config.features import FeatureStorage
from spm.frames.checked_file import CheckedFile

Floats = npt.NDArray[np.floating[Any]]


class FeatureShard(CheckedFile):
    """A shard of features opened for reading; each view of a clip has a checksum."""

    stage, part = "features", "view"
    is_final = True
    """Encoding the same clips again gives the same shard."""

    def _open(self) -> npt.NDArray[np.uint32]:
        with h5py.File(self.path, "r") as file:
            tables = {name: file[name][()] for name in ("views", "clips")}
            if _crc32_of(tables) != file.attrs["tables_crc32"]:
                raise ValueError("checksum of its tables")
            data = file["data"]
            shape, dtype, start = data.shape, data.dtype, data.id.get_offset() or 0
        self.clips = tables["clips"]
        count = int(np.prod(shape))
        self._data: Floats = np.frombuffer(self._mapped(), dtype, count, start).reshape(shape)
        checksums: npt.NDArray[np.uint32] = tables["views"]
        return checksums

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, ...), the shape of one view of a clip."""
        return tuple(self._data.shape[1:])

    def views(self, row: int) -> int:
        """The number of random views of clip `row`."""
        return int(self.clips["views"][row]) - 1

    def read(self, row: int, *, view: int = 0) -> Floats:
        """View `view` of clip `row`, [T, ...], a read-only view of the file."""
        clip = self.clips[row]
        if not 0 <= view < clip["views"]:
            raise ValueError(f"clip {row} has views 0 to {clip['views'] - 1}; got {view}")
        return self._stored(int(clip["first"]) + view)

    def _stored(self, place: int) -> Floats:
        found: Floats = self._data[place]
        self._verify(place, found)
        return found


def write_feature_shard(
    path: Path,
    views: Iterable[Floats],
    *,
    clips: Sequence[tuple[str, int]],
    shape: tuple[int, ...],
    storage: FeatureStorage,
) -> None:
    """Writes the views of all clips, as they come, in order; each is [n, *shape], any n.

    clips: each clip's id and its number of views, at least 1. The file appears at the end, or not
    at all. Raises DataError for features that `storage` cannot hold.
    """
    counts = np.array([count for _, count in clips], dtype=np.int64)
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(clips) else counts
    ids = np.array([clip_id.encode() for clip_id, _ in clips])
    table = np.zeros(len(clips), dtype=[("id", ids.dtype), ("first", "<i8"), ("views", "<i4")])
    table["id"], table["first"], table["views"] = ids, firsts, counts
    crc32 = np.zeros(counts.sum(), dtype="<u4")
    make_writable(path.parent)
    with writing(path.parent), atomic_path(path) as temporary, new_hdf5(temporary) as file:
        data = file.create_dataset("data", shape=(len(crc32), *shape), dtype=storage)
        done = 0
        for batch in views:
            stored = _stored_as(batch, storage, path=path)
            data.write_direct(stored, dest_sel=np.s_[done : done + len(stored)])
            crc32[done : done + len(stored)] = [zlib.crc32(view.data) for view in stored]
            done += len(stored)
        if done != len(crc32):
            raise ValueError(f"{done} views for {len(crc32)} places")
        tables = {"views": crc32, "clips": table}
        for name, values in tables.items():
            file.create_dataset(name, data=values)
        file.attrs["tables_crc32"] = _crc32_of(tables)


def _stored_as(batch: Floats, storage: FeatureStorage, *, path: Path) -> Floats:
    with np.errstate(over="ignore"):
        stored: Floats = np.ascontiguousarray(batch, dtype=storage)
    if not np.isfinite(stored).all():
        largest = np.abs(batch).max()
        raise DataError(
            f"{path.name}: features up to {largest:g} do not fit into {storage}"
            + (": set features.storage to float32" if np.isfinite(largest) else "")
        )
    return stored


def _crc32_of(tables: dict[str, Any]) -> int:
    return zlib.crc32(tables["views"].tobytes() + tables["clips"].tobytes())
