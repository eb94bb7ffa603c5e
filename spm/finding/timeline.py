"""Draws where in a video which class was found, and the scores that led there."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from spm.base.clock import clock
from spm.base.printable import printable
from spm.finding.find import Found
from spm.finding.scores import Floats
from spm.recognition.recognizer import Recognizer
from spm.report.figures import new_figure

_LINES, _SHORTEST_LINE = 12, 60
"""A long video is broken into so many lines at most, a line being a minute or longer."""
_HIGHEST = 500
"""Inches; Agg draws no higher pictures."""
_COLUMNS = 1200
"""Points of a line's curve."""


def timeline(found: Found, *, recognizer: Recognizer) -> Figure:
    """A lane for each class with its segments; above them the highest score of the windows that
    cover a moment, and the threshold."""
    classes, threshold = [*recognizer.classes], recognizer.threshold
    least = None if threshold is None else threshold.value
    seconds = max(found.searched.seconds, 1e-3)
    height = 1.1 + 0.22 * len(classes)
    most = max(1, min(_LINES, int(_HIGHEST / height)))
    lines = max(1, min(most, math.ceil(seconds / _SHORTEST_LINE)))
    span = seconds / lines
    figure = new_figure(12, min(_HIGHEST, lines * height))
    for number, axes in enumerate(np.atleast_1d(figure.subplots(lines, 1))):
        begin, end = number * span, (number + 1) * span
        _lanes(axes, found, classes=classes)
        curve = axes.twinx()
        _curve(curve, found, begin=begin, end=end, lanes=len(classes), threshold=least)
        axes.set_xlim(begin, end)
    return figure


def _lanes(axes: Axes, found: Found, *, classes: list[str]) -> None:
    colours = colormaps["tab10"]
    for lane, name in enumerate(classes):
        shown = [each for each in found.segments if each.name == name]
        bars = [(each.start, each.end - each.start) for each in shown]
        axes.broken_barh(bars, (lane + 0.1, 0.8), color=colours(lane % 10), edgecolor="white")
    axes.set_ylim(len(classes), -1.8)
    places = [lane + 0.5 for lane in range(len(classes))]
    axes.set_yticks(places, [*map(printable, classes)], parse_math=False)
    axes.xaxis.set_major_formatter(FuncFormatter(clock))


def _curve(
    axes: Axes, found: Found, *, begin: float, end: float, lanes: int, threshold: float | None
) -> None:
    """In the free strip above the lanes."""
    times = np.linspace(begin, end, _COLUMNS)
    values = _highest(found, times)
    axes.plot(times, values, color="0.3", linewidth=0.8)
    levels = [*found.searched.scores.score[np.isfinite(found.searched.scores.score)]]
    if threshold is not None:
        axes.axhline(threshold, color="0.6", linewidth=0.8, linestyle=":")
        levels.append(threshold)
    low, high = (min(levels), max(levels)) if levels else (0.0, 1.0)
    height = max(high - low, 1e-3)
    axes.set_ylim(low - height * lanes / 1.7, high + 0.05 * height)
    axes.set_yticks([low, high] if threshold is None else [threshold])
    axes.set_ylabel("score", loc="top", fontsize="small")


def _highest(found: Found, times: Floats) -> NDArray[np.float64]:
    """[n] the highest score of the windows that cover each time; NaN where there is none."""
    start, length = found.searched.scores.windows.T / found.rate
    first = np.searchsorted(times, start)
    last = np.searchsorted(times, start + length)
    values = np.full(len(times), -np.inf)
    for a, b, score in zip(first, last, found.searched.scores.score, strict=True):
        np.maximum(values[a:b], score, out=values[a:b])
    return np.where(np.isfinite(values), values, np.nan)
