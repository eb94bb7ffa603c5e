"""Reading the features that the stage `features` wrote.

Shapes: `T` frames; `...` what the frozen part gives for a frame: [C] for a frozen tower, maps
[C, H, W], or the tokens before the first trained block.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.features.shards import FeatureShard
from spm.frames.clip_index import ClipIndex
from spm.frames.store import FrameStore


class FeatureStore(ClipIndex):
    """The usable clips of a data set, with what the frozen part of a tower gives for them.

    May be pickled, and used after a fork.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._open: dict[str, FeatureShard] = {}
        if not len(self.clips):
            raise DataError(f"{folder} holds no clips: see data/frames/integrity.json")

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, ...), the shape of a clip's features."""
        return self._shard(self.place(0)[0]).shape

    def views(self, clip: int) -> int:
        """The number of random views of clip number `clip`: 0 outside the training split."""
        name, row = self.place(clip)
        return self._shard(name).views(row)

    def read(self, clip: int, *, view: int = 0) -> npt.NDArray[np.floating[Any]]:
        """[T, ...] as stored, to be read only. View 0 is what a test sees, the others are random.

        Raises DataError for a damaged shard.
        """
        name, row = self.place(clip)
        return self._shard(name).read(row, view=view)

    def read_clips(self, clips: npt.NDArray[np.int64]) -> Tensor:
        """What a test sees of these clips, [clips, T, ...] float32."""
        return torch.from_numpy(np.stack([self.read(int(clip)) for clip in clips])).float()

    def _shard(self, name: str) -> FeatureShard:
        if name not in self._open:
            self._open[name] = FeatureShard(self.folder / name)
        return self._open[name]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}}


ClipStore = FrameStore | FeatureStore
"""What training and evaluation read of clips: frames, or what a frozen part gave for them."""
