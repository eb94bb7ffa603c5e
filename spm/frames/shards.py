"""One shard: an HDF5 file with the frames of many clips, written once and never changed.

    data      uint8 [bytes]        all frames after one another, raw pixels or JPEG files
    frames    {end, crc32}         per frame: where it ends in `data`, checksum of its bytes
    clips     {id, height, width, video_frames, reader}
    rejected  {id, reason, transient}  transient: 1 where the machine may be at fault

Every clip has the same number of frames (attribute `frames_per_clip`), so clip `row` owns frames
row·F up to (row + 1)·F. `data` is one contiguous block: a raw clip is a view of the mapped
file. The same clips give the same bytes. Written by spm.frames.shard_writer.
"""

import math
import mmap
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.base.errors import DataError

Storage = Literal["raw", "jpeg"]

REBUILD = "dvc repro -f -s frames"
"""Reruns the stage `frames` alone: `-f` without `-s` would also render the built-in clips again."""
REBUILD_DAMAGED = "touch {path} && chmod u+w {path} && " + REBUILD
"""The store and DVC's cache share the damaged file, and would restore it. The stage `frames` trusts
a file whose time is unchanged (hence touch), and DVC trusts a read-only file (hence chmod)."""

FRAME = np.dtype([("end", "<i8"), ("crc32", "<u4")])
TABLES = ("frames", "clips", "rejected")


def new_array(shape: tuple[int, ...]) -> Frames:
    """A new array for a clip's frames: the default `scratch` of `Shard.read`."""
    return np.empty(shape, np.uint8)


class Shard:
    """A shard opened for reading.

    Frames are read from the mapped file at the position where HDF5 keeps them, without HDF5, which
    serves one thread at a time and does not survive a fork. The first time that a frame is read,
    its checksum is compared. Raises DataError, with the command that rebuilds it, for a damaged
    shard.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._open()
        except FileNotFoundError:
            raise DataError(f"shard {self.path} is missing. Rebuild it: {REBUILD}") from None
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _open(self) -> None:
        with h5py.File(self.path, "r") as file:
            tables = {name: file[name][()] for name in TABLES}
            if tables_crc32(tables) != file.attrs["tables_crc32"]:
                raise ValueError("checksum of its tables")
            self.frames_per_clip = int(file.attrs["frames_per_clip"])
            self.storage = str(file.attrs["storage"])
            self._start = file["data"].id.get_offset() or 0
        self.clips = tables["clips"]
        self.rejected = tables["rejected"]
        self._ends = np.concatenate([[0], tables["frames"]["end"]]) + self._start
        self._crc32 = tables["frames"]["crc32"]
        self._checked = np.zeros(len(self._crc32), dtype=bool)
        with open(self.path, "rb") as opened:
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        self._data = np.frombuffer(self._map, np.uint8)
        if self._ends[-1] > len(self._data):
            raise ValueError("it is too short")

    @property
    def is_final(self) -> bool:
        """Whether decoding the same videos again must give the same shard: no rejection is
        transient."""
        return not self.rejected["transient"].any()

    def read(
        self,
        row: int,
        *,
        frames: npt.NDArray[np.int64] | None = None,
        scratch: Callable[[tuple[int, ...]], Frames] = new_array,
    ) -> Frames:
        """Frames of clip `row`, [n, H, W, 3]: those with the numbers `frames` in the clip, or all.

        Raw frames next to each other in the file are a read-only view of it, so that cropping
        copies only the crop. JPEG is decoded into the array that `scratch` gives for a shape.
        """
        clip = self.clips[row]
        numbers = np.arange(self.frames_per_clip) if frames is None else frames
        places = row * self.frames_per_clip + numbers
        shape = (len(numbers), int(clip["height"]), int(clip["width"]), 3)
        self._read_ahead(int(places.min()), int(places.max()))
        if self.storage == "raw":
            runs = [self._raw_run(places[start:stop], shape) for start, stop in _runs(numbers)]
            return runs[0] if len(runs) == 1 else np.concatenate(runs)
        out = scratch(shape)
        for place, frame in zip(places.tolist(), out, strict=True):
            _decode_jpeg(self._stored(place), out=frame)
        return out

    def check(self) -> None:
        """Reads all frames. Raises DataError where one is damaged."""
        for place in range(len(self._crc32)):
            self._stored(place)

    def _raw_run(self, places: npt.NDArray[np.int64], shape: tuple[int, ...]) -> Frames:
        stored = [self._stored(place) for place in places.tolist()]
        run = self._data[self._ends[places[0]] : self._ends[places[-1] + 1]]
        if len(run) != len(stored) * math.prod(shape[1:]):
            raise self._damaged("frames and clips disagree")
        return run.reshape(-1, *shape[1:])

    def _stored(self, place: int) -> npt.NDArray[np.uint8]:
        """The bytes of the frame at `place` in the shard; their checksum is compared the first
        time."""
        data = self._data[self._ends[place] : self._ends[place + 1]]
        self._verify(place, data)
        return data

    def _read_ahead(self, first: int, last: int) -> None:
        """Asks the system for all bytes of a clip at once: from a disk, page by page is slow."""
        start = int(self._ends[first]) // mmap.PAGESIZE * mmap.PAGESIZE
        self._map.madvise(mmap.MADV_WILLNEED, start, int(self._ends[last + 1]) - start)

    def _verify(self, number: int, data: npt.NDArray[np.uint8]) -> None:
        if self._checked[number]:
            return
        if zlib.crc32(data.data) != self._crc32[number]:
            raise self._damaged(f"checksum of frame {number}")
        self._checked[number] = True

    def _damaged(self, what: str) -> DataError:
        command = REBUILD_DAMAGED.format(path=self.path)
        return DataError(f"shard {self.path} is damaged ({what}). Rebuild it: {command}")


def tables_crc32(tables: dict[str, Any]) -> int:
    return zlib.crc32(b"".join(tables[name].tobytes() for name in TABLES))


def _runs(numbers: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Start and end of the slices of `numbers` that count up by one."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    edges = [0, *breaks.tolist(), len(numbers)]
    return list(pairwise(edges))


def _decode_jpeg(data: npt.NDArray[np.uint8], *, out: Frames) -> None:
    import simplejpeg

    simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=out)
