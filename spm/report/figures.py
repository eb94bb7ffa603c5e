"""Draws the report's charts, without pyplot and so without global state.

With the same version of matplotlib, the same numbers give the same PNG bytes.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.base.atomic import atomic_path

Rows = Sequence[Mapping[str, str]]
"""The rows of a CSV file, as csv.DictReader returns them."""

_DPI = 110


def plain(text: str) -> str:
    """The text as it stands: matplotlib would take what is between two $ for a formula."""
    return text.replace("$", r"\$")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of width × height inches, drawn by Agg."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Saves the figure as PNG."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png(figure))


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the version of matplotlib in its metadata."""
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=_DPI, metadata={"Software": None})
    return held.getvalue()


def chosen_checkpoint(rows: Rows) -> tuple[int, float] | None:
    """The training episodes and the validation accuracy of the weights that training ends with:
    the highest accuracy and, of several, the earliest. None: nothing was validated."""
    validated = zip(*_points(rows, "val_accuracy"), strict=True)
    return max(validated, key=lambda point: point[1], default=None)


def learning_curve(rows: Rows, *, selection: str) -> Figure:
    """Losses, and accuracies in percent, over training episodes; a line where the checkpoint is.

    selection: the split that validated, and so selected it.
    """
    figure = new_figure(10, 3.6)
    losses, accuracies = figure.subplots(1, 2)
    for column, label in (("loss", "L"), ("L_CE", "L_CE")):
        losses.plot(*_points(rows, column), label=label)
    losses.set(xlabel="training episodes", ylabel="loss")
    losses.legend()
    accuracies.plot(*_points(rows, "accuracy"), label="training episodes")
    accuracies.plot(*_points(rows, "val_accuracy"), "o-", label=f"{selection} split")
    accuracies.set(xlabel="training episodes", ylabel="accuracy (%)")
    if chosen := chosen_checkpoint(rows):
        for axes in (losses, accuracies):
            axes.axvline(chosen[0], color="0.4", linestyle="--", linewidth=1, zorder=0)
        accuracies.plot(*chosen, "*", color="crimson", markersize=13, label="chosen checkpoint")
    accuracies.legend(loc="lower right")
    return figure


def class_bars(rows: Rows, *, chance: float) -> Figure:
    """Bars with the accuracy of each class in percent, best class on top; `chance` is a line."""
    asked = [row for row in rows if row["accuracy"] != ""]
    ordered = sorted(asked, key=lambda row: (float(row["accuracy"]), row["class"]))
    figure = new_figure(8, 1 + 0.28 * len(ordered))
    axes = figure.subplots()
    accuracies = [float(row["accuracy"]) for row in ordered]
    places = range(len(ordered))  # two classes may have the same text
    bars = axes.barh(places, accuracies)
    axes.set_yticks(places, [plain(row["text"]) for row in ordered])
    axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    axes.axvline(chance, color="0.6", linestyle=":", linewidth=1)
    axes.set(xlabel="accuracy (%), dotted: chance", xlim=(0, 114))
    return figure


def confusion(
    classes: Sequence[str], percent: NDArray[np.float64], *, none: bool = False
) -> Figure:
    """The confusion matrix [classes, classes], in percent of each actual class's queries (rows).

    Columns have numbers instead of class names, which may be long. none: a column "none" stands
    before them, [classes, 1 + classes].
    """
    size = 1.5 + 0.32 * len(classes)
    longest = max(map(len, classes))
    figure = new_figure(size + 1.5 + 0.085 * longest, size)
    axes = figure.subplots()
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    numbers = range(1, len(classes) + 1)
    columns = [*(["none"] if none else []), *map(str, numbers)]
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(
        range(len(classes)),
        [f"{plain(name)}  {number}" for name, number in zip(classes, numbers, strict=True)],
    )
    axes.set(xlabel="taken for")
    _write_numbers(axes, percent)
    figure.colorbar(image, ax=axes, label="% of the class's queries", shrink=0.8)
    return figure


def reliability(kinds: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Accuracy against confidence, and the number of answers, of each bin of the confidence.

    kinds: title -> a value of `confidence` in evaluate.json, a column of the figure each. The
    diagonal is a model whose confidence is its accuracy.
    """
    figure = new_figure(5 * len(kinds), 5.4)
    columns = figure.subplots(2, len(kinds), squeeze=False, height_ratios=[3, 1], sharex=True)
    for (curve, counts), (title, measured) in zip(columns.T, kinds.items(), strict=True):
        curve.plot([0, 100], [0, 100], color="0.6", linestyle=":", linewidth=1)
        for number, (label, bins) in enumerate(_series(measured).items()):
            _draw_bins(curve, counts, bins, label=label, color=f"C{number}")
        curve.set(title=title, xlim=(0, 100), ylim=(0, 100), ylabel="accuracy (%)")
        curve.legend(loc="upper left")
        counts.set(xlabel="confidence (%)", ylabel="answers")
    return figure


def _series(measured: Mapping[str, Any]) -> dict[str, Mapping[str, list[Any]]]:
    """Label -> bins; one series if the model is not calibrated."""
    before = measured["before"]["bins"]
    if measured["temperature"] is None:
        return {"not calibrated": before}
    return {"before calibration": before, "calibrated": measured["after"]["bins"]}


def _draw_bins(
    curve: Axes, counts: Axes, bins: Mapping[str, list[Any]], *, label: str, color: str
) -> None:
    """A point for each bin that has answers; a step for each bin's number of answers."""
    filled = [number for number, answers in enumerate(bins["answers"]) if answers]
    x, y = ([bins[column][number] for number in filled] for column in ("confidence", "accuracy"))
    curve.plot(x, y, "o-", label=label, color=color, markersize=4)
    edges = np.linspace(0, 100, len(bins["answers"]) + 1)
    counts.stairs(bins["answers"], edges, color=color)


def _points(rows: Rows, column: str) -> tuple[list[int], list[float]]:
    """The steps and values of a column, without the steps that have no value."""
    filled = [row for row in rows if row[column] != ""]
    return [int(row["step"]) for row in filled], [float(row[column]) for row in filled]


def _write_numbers(axes: Axes, percent: NDArray[np.float64]) -> None:
    """Writes rounded percentages into the cells; a cell below 0.5 % stays empty."""
    for (row, column), value in np.ndenumerate(percent):
        if value >= 0.5:
            color = "white" if value > 50 else "black"
            axes.text(
                column, row, f"{value:.0f}", ha="center", va="center", color=color, fontsize=7
            )
