"""Reading the frames that the stage `frames` wrote.

T segments, P samples in each. A clip is named by its number (spm.frames.clip_index).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.frames.clip_index import ClipIndex
from spm.frames.shards import Shard, new_array


class FrameStore(ClipIndex):
    """The usable clips of a data set, with their frames.

    Shards are opened when they are first read, once in each process. A store may be pickled, and
    used after a fork.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._open: dict[str, Shard] = {}

    def read(
        self,
        clip: int,
        *,
        pick: npt.NDArray[np.int64] | None = None,
        scratch: Callable[[tuple[int, ...]], Frames] = new_array,
    ) -> Frames:
        """Frames [T, H, W, 3] of clip number `clip`, to be read only; `scratch`: see Shard.read.

        `pick` [T] says which of the P samples to take from each segment; None takes sample P // 2,
        which for P = 1 is the segment's middle frame. Raises DataError for a damaged shard.
        """
        numbers = np.arange(self.num_frames) * self.samples_per_segment
        numbers += self.samples_per_segment // 2 if pick is None else self._checked(pick)
        name, row = self.place(clip)
        return self._shard(name).read(row, frames=numbers, scratch=scratch)

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
