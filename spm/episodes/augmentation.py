"""Random views of training clips: which sample of each segment, which crop, mirrored or not."""

import numpy as np

from spm.base.arrays import Frames
from spm.episodes.transforms import random_crop, random_flip
from spm.frames.store import FrameStore


class AugmentedClips:
    """Draws random views of the clips of a frame store.

    size: side of the square crop in pixels; flip: whether half of the views are mirrored.
    """

    dtype = np.uint8

    def __init__(self, store: FrameStore, *, size: int, flip: bool) -> None:
        self.store, self.flip = store, flip
        self.size = size
        self._buffer: Frames = np.empty(0, np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, size, size, 3), the shape of a view; the dtype is uint8."""
        return (self.store.num_frames, self.size, self.size, 3)

    def draw(self, clip: int, *, rng: np.random.Generator, out: Frames) -> None:
        """Writes a view of clip number `clip` to `out`."""
        samples = self.store.samples_per_segment
        pick = rng.integers(samples, size=self.store.num_frames) if samples > 1 else None
        frames = self.store.read(clip, pick=pick, scratch=self._scratch)
        frames = random_crop(frames, self.size, rng=rng)
        np.copyto(out, random_flip(frames, rng=rng) if self.flip else frames)

    def _scratch(self, shape: tuple[int, ...]) -> Frames:
        """A buffer that all clips reuse, since the first touch of new memory is slow."""
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        return self._buffer
