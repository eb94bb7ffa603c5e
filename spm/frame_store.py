"""Reading the frames that the stage `frames` wrote.

T segments, P samples in each. A clip is named by its number: its row in `FrameStore.clips`.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spm.clip import Frames
from spm.errors import DataError
from spm.hashing import file_hash
from spm.shards import REBUILD, Shard

INDEX = "index.parquet"


class FrameStore:
    """The usable clips of a data set, with their frames.

    Shards are opened when they are first read, once in each process. A store may be pickled, and
    used after a fork.
    """

    clips: pa.Table
    """id, class, class_text, split, shard, row, …; sorted by id."""
    num_frames: int
    """T."""
    samples_per_segment: int
    """P."""
    identity: str
    """Names the data: two stores with the same clips and frames have the same."""

    def __init__(self, folder: Path) -> None:
        index = folder / INDEX
        if not index.is_file():
            raise DataError(f"{index} is missing: build it with {REBUILD}")
        table = pq.read_table(index)
        self.folder = folder
        self.clips = table.filter(pc.equal(table["status"], "ok"))
        self.num_frames = int(table.schema.metadata[b"num_segments"])
        self.samples_per_segment = int(table.schema.metadata[b"samples_per_segment"])
        self.identity = file_hash(index)
        self._class_names = _class_names(table)
        self._names = self.clips["shard"].to_pylist()
        self._rows = self.clips["row"].to_pylist()
        self._open: dict[str, Shard] = {}

    def classes(self, split: str) -> dict[str, npt.NDArray[np.int64]]:
        """Clip numbers of each class of `split`, the classes sorted by name.

        A class that lost all its clips is there, with none: who draws episodes must know of it.
        """
        in_split = pc.equal(self.clips["split"], split).to_numpy()
        labels = np.asarray(self.clips["class"].to_pylist(), dtype=object)
        names = self._class_names[split]
        return {name: np.flatnonzero(in_split & (labels == name)) for name in names}

    def read(self, clip: int, *, pick: npt.NDArray[np.int64] | None = None) -> Frames:
        """Frames [T, H, W, 3] of clip number `clip`.

        `pick` [T] says which of the P samples to take from each segment; None takes sample P // 2,
        which for P = 1 is the segment's middle frame. Raises DataError for a damaged shard.
        """
        numbers = np.arange(self.num_frames) * self.samples_per_segment
        numbers += self.samples_per_segment // 2 if pick is None else self._checked(pick)
        return self._shard(self._names[clip]).read(self._rows[clip], frames=numbers)

    def _checked(self, pick: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        allowed = self.samples_per_segment
        if pick.shape != (self.num_frames,) or pick.min() < 0 or pick.max() >= allowed:
            raise ValueError(f"pick: {self.num_frames} numbers below {allowed}; got {pick}")
        return pick

    def _shard(self, name: str) -> Shard:
        if name not in self._open:
            self._open[name] = Shard(self.folder / name)
        return self._open[name]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


def _class_names(table: pa.Table) -> dict[str, list[str]]:
    """Split -> its classes, sorted, whatever became of their clips."""
    pairs = set(zip(table["split"].to_pylist(), table["class"].to_pylist(), strict=True))
    names: dict[str, list[str]] = defaultdict(list)
    for split, name in sorted(pairs):
        names[split].append(name)
    return names
