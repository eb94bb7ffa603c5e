"""How well segments were found: average precision, frame accuracy, false alarms.

Times in seconds. A segment fits a place of its class if their tIoU (both over either) is large
enough; each place is found once, by the segment with the highest score.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spm.finding.segments import Segment

TIOUS = (0.3, 0.5, 0.7)
_FRAMES_PER_SECOND = 10
FITS = 0.3
"""The tIoU from which on a segment is no false alarm."""


class Place(NamedTuple):
    """Where a video really shows a class."""

    start: float
    end: float
    name: str


class Quality(NamedTuple):
    """Of the segments of a video."""

    mean_precision: tuple[float, ...]
    """mAP at each of `TIOUS`, in percent, over the classes."""
    frames: float
    """Moments that are given their class, or none where there is none, in percent."""
    found: float
    """Places that a segment fits, in percent."""
    alarms: float
    """Segments an hour that fit no place."""


def quality(found: Sequence[Segment], places: Sequence[Place], *, seconds: float) -> Quality:
    names = sorted({each.name for each in places})
    precisions = [
        np.mean([_average_precision(found, places, name=name, least=least) for name in names])
        for least in TIOUS
    ]
    fits = [
        _fits(found, places, name=name, least=FITS) for name in {*names, *(f.name for f in found)}
    ]
    right = sum(sum(each) for each in fits)
    return Quality(
        tuple(100 * float(each) for each in precisions),
        100 * _frame_accuracy(found, places, seconds=seconds),
        100 * right / len(places),
        (len(found) - right) * 3600 / seconds,
    )


def tiou(one: Segment | Place, other: Segment | Place) -> float:
    both = min(one.end, other.end) - max(one.start, other.start)
    return max(0.0, both) / (max(one.end, other.end) - min(one.start, other.start))


def _fits(
    found: Sequence[Segment], places: Sequence[Place], *, name: str, least: float
) -> list[bool]:
    """Of the class's segments from the best score on, whether each fits a place that is free.
    least: the tIoU that fits."""
    free = [each for each in places if each.name == name]
    fits = []
    for segment in sorted(
        (each for each in found if each.name == name), key=lambda each: -each.score
    ):
        best = max(free, key=lambda place: tiou(segment, place), default=None)
        fits.append(best is not None and tiou(segment, best) >= least)
        if fits[-1] and best is not None:
            free.remove(best)
    return fits


def _average_precision(
    found: Sequence[Segment], places: Sequence[Place], *, name: str, least: float
) -> float:
    """The area under precision over recall, precision being the highest at this recall or above."""
    fits = np.array(_fits(found, places, name=name, least=least), float)
    if not len(fits):
        return 0.0
    right = np.cumsum(fits)
    precision = right / np.arange(1, len(fits) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((highest * fits).sum() / sum(each.name == name for each in places))


def _frame_accuracy(found: Sequence[Segment], places: Sequence[Place], *, seconds: float) -> float:
    times = (np.arange(int(seconds * _FRAMES_PER_SECOND)) + 0.5) / _FRAMES_PER_SECOND
    answered, true = np.full(len(times), "", object), np.full(len(times), "", object)
    for each in sorted(found, key=lambda each: each.score):
        answered[(times >= each.start) & (times < each.end)] = each.name
    for place in places:
        true[(times >= place.start) & (times < place.end)] = place.name
    return float((answered == true).mean())
