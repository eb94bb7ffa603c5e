"""Windows over a long video: stretches of several lengths, each one clip for the recognizer.

Times are counted in pictures at the rate of the search. The window (start, length) has the pictures
start … start + length − 1; its T frames are sampled as those of a clip (spm.video.sampling).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spm.base.errors import ConfigError
from spm.video.sampling import segment_frames

Ints = NDArray[np.int64]

_SHORTER, _LONGER = 0.8, 1.25
"""The windows go from a little below the shortest example to a little above the longest."""
_RATIO = 1.25
"""Of a length to the next shorter one, at most."""
_STEPS = 4
"""Starts of a length's windows in one length."""


@dataclass(frozen=True)
class Windows:
    """The windows of a search."""

    lengths: tuple[int, ...]
    """Ascending, in pictures."""
    num_frames: int
    """T"""

    @property
    def longest(self) -> int:
        return self.lengths[-1]

    def ending(self, after: int, until: int) -> Ints:
        """[n, 2]: start and length of the windows that end behind picture `after` - 1, and at the
        latest with picture `until` - 1."""
        found = [
            (end - length, length)
            for end in range(after + 1, until + 1)
            for length in self.lengths
            if end >= length and (end - length) % _step(length) == 0
        ]
        return _table(found)

    def at_the_end(self, total: int) -> Ints:
        """[n, 2]: those that end with the video of `total` pictures, and are not among the others.

        The whole of a video that is shorter than all windows.
        """
        if total < self.lengths[0]:
            return _table([(0, total)])
        fitting = [length for length in self.lengths if length <= total]
        return _table([(total - each, each) for each in fitting if (total - each) % _step(each)])

    def frames(self, windows: Ints) -> Ints:
        """[n, T]: the pictures of the windows [n, 2]."""
        sampled = {
            length: segment_frames(length, num_segments=self.num_frames, samples_per_segment=1)
            for length in set(windows[:, 1].tolist())
        }
        rows = [start + sampled[length].reshape(-1) for start, length in windows.tolist()]
        return np.stack(rows) if rows else np.empty((0, self.num_frames), np.int64)


def lengths_of(seconds: Sequence[float]) -> list[float]:
    """Lengths of windows [s] for actions that are as long as these examples, ascending."""
    low, high = _SHORTER * min(seconds), _LONGER * max(seconds)
    count = 1 + math.ceil(math.log(high / low) / math.log(_RATIO))
    return [float(each) for each in np.geomspace(low, high, count)]


def rate_for(lengths: Sequence[float], *, num_frames: int, frames_per_second: float) -> float:
    """Pictures a second: so many that the shortest window has T different ones, if the video has
    them."""
    return min(num_frames / min(lengths), frames_per_second)


def make_windows(lengths: Sequence[float], *, rate: float, num_frames: int) -> Windows:
    """lengths: in seconds. Raises ConfigError for one that has no picture."""
    if short := [each for each in lengths if each * rate < 1]:
        raise ConfigError(
            f"a window of {short[0]:g} s has less than one picture at {rate:g} pictures a second: "
            "give a longer one, or a higher rate"
        )
    return Windows(tuple(sorted({round(each * rate) for each in lengths})), num_frames)


def _step(length: int) -> int:
    return max(1, length // _STEPS)


def _table(windows: list[tuple[int, int]]) -> Ints:
    return np.array(windows, np.int64).reshape(-1, 2)
