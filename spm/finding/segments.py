"""From windows to segments: the windows that the recognizer knows, less those that say it again.

windows ─ known ones ─ of those that cover each other the best ─ its borders: the mean of those
                                                                 of the windows that agree
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spm.finding.scores import Floats, WindowScores

MOST_OVERLAP = 0.25
"""Of two windows, the share of the shorter one that the other may cover."""
_AGREEING = 0.3
"""The tIoU (both over either) of windows that speak of the same."""
_NEARLY = 0.5
"""How much lower than the best one's their score may be."""


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


class _Known(NamedTuple):
    """The windows that are known, from the best one to the worst."""

    start: Floats
    """[W] in pictures"""
    end: Floats
    """[W]"""
    best: NDArray[np.int64]
    """[W] the most probable class"""
    probability: Floats
    """[W] of this class"""
    score: Floats
    """[W]"""


def find_segments_in(found: WindowScores, *, classes: list[str], rate: float) -> list[Segment]:
    """The segments by their starts: non-maximum suppression by the score, over all classes.

    Of windows that cover each other by more than `MOST_OVERLAP` of the shorter one, the one with
    the highest score stays; of equals the earlier, then the shorter. rate: pictures a second.
    """
    known = _known(found)
    segments = []
    for row in _staying(known):
        start, end = _borders(known, row)
        name, probability = classes[known.best[row]], float(known.probability[row])
        score = float(known.score[row])
        segments.append(Segment(start / rate, end / rate, name, probability, score))
    return sorted(segments)


def _known(found: WindowScores) -> _Known:
    rows = np.flatnonzero(found.is_known)
    start, length = found.windows[rows].T
    rows = rows[np.lexsort((length, start, -found.score[rows]))]
    start, length = found.windows[rows].T.astype(float)
    probabilities = found.probabilities[rows]
    best = probabilities.argmax(axis=1)
    chosen = probabilities[np.arange(len(rows)), best]
    return _Known(start, start + length, best, chosen, found.score[rows])


def _staying(known: _Known) -> list[int]:
    """The rows that no better one covers, from the best to the worst."""
    staying, left = list[int](), np.arange(len(known.start))
    while len(left):
        row = int(left[0])
        staying.append(row)
        length = known.end[left] - known.start[left]
        shorter = np.minimum(length, known.end[row] - known.start[row])
        left = left[_both(known, row)[left] <= MOST_OVERLAP * shorter]
    return staying


def _borders(known: _Known, row: int) -> tuple[float, float]:
    """The mean start and end of the windows that agree with this one, itself among them."""
    start, end = known.start[row], known.end[row]
    either = np.maximum(known.end, end) - np.minimum(known.start, start)
    agree = (
        (_both(known, row) >= _AGREEING * either)
        & (known.best == known.best[row])
        & (known.score >= known.score[row] - _NEARLY)
    )
    return float(known.start[agree].mean()), float(known.end[agree].mean())


def _both(known: _Known, row: int) -> Floats:
    """[W] how much of each window this one covers; negative where they are apart."""
    covered: Floats = np.minimum(known.end, known.end[row]) - np.maximum(
        known.start, known.start[row]
    )
    return covered
