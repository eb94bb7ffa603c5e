"""One shard: an HDF5 file with the frames of many clips, written once and never changed.

    data      uint8 [bytes]        all frames after one another, raw pixels or JPEG files
    frames    {end, crc32}         per frame: where it ends in `data`, checksum of its bytes
    clips     {id, height, width, video_frames, reader}
    rejected  {id, reason, transient}  transient: 1 where the machine may be at fault

Every clip has the same number of frames (attribute `frames_per_clip`), so clip `row` owns frames
row·F up to (row + 1)·F. `data` is one contiguous block: a raw clip is one read into the caller's
array. The same clips give the same bytes. Written by spm.shard_writer.
"""

import os
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from spm.clip import Frames
from spm.errors import DataError

Storage = Literal["raw", "jpeg"]

REBUILD = "dvc repro -f frames"
REBUILD_DAMAGED = "chmod u+w {path} && " + REBUILD
"""DVC's cache shares the damaged file, and would give it back: it trusts what is read-only."""

FRAME = np.dtype([("end", "<i8"), ("crc32", "<u4")])
TABLES = ("frames", "clips", "rejected")


class Shard:
    """A shard opened for reading.

    Frames are read at the position where HDF5 keeps them, without HDF5: it serves one thread at a
    time and does not survive a fork, and this costs a third. Each frame is checked the first time
    that it is read. Raises DataError, with the command that rebuilds the shard, for a damaged one.
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
        self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115  as long as the shard

    @property
    def is_final(self) -> bool:
        """Whether decoding the same videos again must give the same: no rejection is transient."""
        return not self.rejected["transient"].any()

    def read(self, row: int, *, frames: npt.NDArray[np.int64] | None = None) -> Frames:
        """[n, H, W, 3] of clip `row`: the frames with these numbers in the clip, or all of them."""
        clip = self.clips[row]
        numbers = np.arange(self.frames_per_clip) if frames is None else frames
        out = np.empty((len(numbers), clip["height"], clip["width"], 3), np.uint8)
        for start, stop in _runs(numbers):
            first = row * self.frames_per_clip + int(numbers[start])
            self._read_run(first, out=out[start:stop])
        return out

    def check(self) -> None:
        """Reads all frames. Raises DataError where one is damaged."""
        for first in range(len(self._crc32)):
            start, end = self._ends[first : first + 2]
            buffer = np.empty(end - start, np.uint8)
            self._fill(buffer, start=start)
            self._verify(first, buffer)

    def _read_run(self, first: int, *, out: Frames) -> None:
        """Frames after one another in the file, starting with frame `first` of the shard."""
        ends = self._ends[first : first + len(out) + 1]
        raw = self.storage == "raw"
        buffer = out.reshape(-1) if raw else np.empty(ends[-1] - ends[0], np.uint8)
        if len(buffer) != ends[-1] - ends[0]:
            raise self._damaged("frames and clips disagree")
        self._fill(buffer, start=ends[0])
        for number, (start, end) in enumerate(pairwise(ends)):
            part = buffer[start - ends[0] : end - ends[0]]
            self._verify(first + number, part)
            if not raw:
                _decode_jpeg(part, out=out[number])

    def _fill(self, buffer: npt.NDArray[np.uint8], *, start: int) -> None:
        if os.preadv(self._file.fileno(), [buffer.data], int(start)) != len(buffer):
            raise self._damaged("it is too short")

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
    """Slices of `numbers` in which each is one more than the one before."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    edges = [0, *breaks.tolist(), len(numbers)]
    return list(pairwise(edges))


def _decode_jpeg(data: npt.NDArray[np.uint8], *, out: Frames) -> None:
    import simplejpeg

    simplejpeg.decode_jpeg(data, colorspace="RGB", buffer=out)
