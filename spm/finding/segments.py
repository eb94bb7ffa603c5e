"""From windows to segments: the windows that the recognizer knows, less those that say it again."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spm.finding.scores import Floats, WindowScores

MOST_OVERLAP = 0.25
"""Of two segments, the share of the shorter one that the other may cover."""


class Segment(NamedTuple):
    """A stretch of a video that shows one of the classes. Times in seconds from its first frame."""

    start: float
    end: float
    name: str
    """The class."""
    probability: float
    """Of this class, if it is one of them; calibrated if the model is."""
    score: float
    """`WindowScores.score`: the higher, the surer."""


def find_segments_in(found: WindowScores, *, classes: list[str], rate: float) -> list[Segment]:
    """The segments by their starts: non-maximum suppression by the score, over all classes.

    Of windows that cover each other by more than `MOST_OVERLAP` of the shorter one, the one with
    the highest score stays; of equals the earlier, then the shorter. rate: pictures a second.
    """
    known = np.flatnonzero(found.is_known)
    start, length = found.windows[known].T
    order = np.lexsort((length, start, -found.score[known]))
    kept = [
        _segment(found, int(known[each]), classes=classes, rate=rate)
        for each in _best(start[order], length[order], rows=order)
    ]
    return sorted(kept)


def _best(
    start: NDArray[np.int64], length: NDArray[np.int64], *, rows: NDArray[np.int64]
) -> list[int]:
    """The `rows` that stay, of windows sorted from best to worst."""
    kept: list[int] = []
    while len(rows):
        kept.append(int(rows[0]))
        covered = _covered(start, length)
        start, length, rows = start[~covered], length[~covered], rows[~covered]
    return kept


def _covered(start: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which windows the first one covers, or is covered by, too much; itself among them."""
    both = np.minimum(start + length, start[0] + length[0]) - np.maximum(start, start[0])
    covered: NDArray[np.bool_] = both > MOST_OVERLAP * np.minimum(length, length[0])
    return covered


def _segment(found: WindowScores, row: int, *, classes: list[str], rate: float) -> Segment:
    start, length = found.windows[row].tolist()
    probabilities: Floats = found.probabilities[row]
    best = int(probabilities.argmax())
    return Segment(
        start / rate,
        (start + length) / rate,
        classes[best],
        float(probabilities[best]),
        float(found.score[row]),
    )
