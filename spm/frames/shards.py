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
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.frames.checked_file import CheckedFile

Storage = Literal["raw", "jpeg"]

FRAME = np.dtype([("end", "<i8"), ("crc32", "<u4")])
TABLES = ("frames", "clips", "rejected")


def new_array(shape: tuple[int, ...]) -> Frames:
    """A new array for a clip's frames: the default `scratch` of `Shard.read`."""
    return np.empty(shape, np.uint8)


class Shard(CheckedFile):
    """A shard of frames opened for reading; each frame has a checksum."""

    stage, part = "frames", "frame"

    def _open(self) -> npt.NDArray[np.uint32]:
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
        self._map = self._mapped()
        self._data = np.frombuffer(self._map, np.uint8)
        if self._ends[-1] > len(self._data):
            raise ValueError("it is too short")
        checksums: npt.NDArray[np.uint32] = tables["frames"]["crc32"]
        return checksums

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
