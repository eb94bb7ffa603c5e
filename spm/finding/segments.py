"""From windows to segments, the windows that the recognizer knows from the best to the worst:

window ─ its borders: the mean of those of the windows that agree ─ stays, if no better segment
                                                                    covers it
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spm.finding.scores import Floats, WindowScores

MOST_OVERLAP = 0.25
"""Of two segments, the share of the shorter one that the other may cover."""
_AGREEING = 0.5
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

    No two segments cover each other by more than `MOST_OVERLAP` of the shorter one. The one with
    the higher score stays; of equals the earlier, then the shorter. rate: pictures a second.
    """
    known, segments = _known(found), list[Segment]()
    borders = np.empty((0, 2))
    free = np.ones(len(known.start), np.bool_)
    for row in range(len(known.start)):
        if not free[row]:
            continue
        start, end = _borders(known, row)
        if _covers(start, end, *borders.T).any():
            continue
        name, probability = classes[known.best[row]], float(known.probability[row])
        score = float(known.score[row])
        segments.append(Segment(start / rate, end / rate, name, probability, score))
        borders = np.vstack([borders, [start, end]])
        free &= ~_covers(start, end, known.start, known.end)
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


def _borders(known: _Known, row: int) -> tuple[float, float]:
    """The mean start and end of the windows that agree with this one, itself among them."""
    start, end = known.start[row], known.end[row]
    either = np.maximum(known.end, end) - np.minimum(known.start, start)
    agree = (
        (_both(start, end, known.start, known.end) >= _AGREEING * either)
        & (known.best == known.best[row])
        & (known.score >= known.score[row] - _NEARLY)
    )
    return float(known.start[agree].mean()), float(known.end[agree].mean())


def _covers(start: float, end: float, starts: Floats, ends: Floats) -> NDArray[np.bool_]:
    """Whether a stretch covers others, or is covered by them, too much."""
    shorter = np.minimum(end - start, ends - starts)
    covered: NDArray[np.bool_] = _both(start, end, starts, ends) > MOST_OVERLAP * shorter
    return covered


def _both(start: float, end: float, starts: Floats, ends: Floats) -> Floats:
    """How much of others a stretch covers; negative where they are apart."""
    covered: Floats = np.minimum(end, ends) - np.maximum(start, starts)
    return covered
