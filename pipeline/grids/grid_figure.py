"""The picture of a grid: each row's difference from its baseline, ours beside the paper's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.grids.grid import Grid
from pipeline.grids.grid_table import Summary


def write_figure(path: Path, *, grid: Grid, summaries: Sequence[Summary]) -> None:
    """Bars: mean and 95 % interval. Dots: one per seed. Crosses: the paper's differences."""
    shown = [each for each in summaries if each.difference is not None]
    figure = Figure(figsize=(7, 1.4 + 0.45 * max(len(shown), 1)), layout="constrained")
    axes = figure.add_subplot()
    for place, summary in enumerate(shown):
        _draw_row(axes, place, summary)
    _draw_paper(axes, shown, grid=grid, summaries=summaries)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(np.arange(len(shown)), [each.row.name for each in shown])
    axes.invert_yaxis()
    axes.set_xlabel("difference from the baseline, percentage points")
    axes.set_title(grid.title, fontsize=10)
    figure.savefig(path, dpi=150, format="png")


def _draw_row(axes: Axes, place: int, summary: Summary) -> None:
    difference = summary.difference
    assert difference is not None
    axes.barh(place, difference.mean, height=0.6, color="tab:blue", alpha=0.5)
    axes.errorbar(difference.mean, place, xerr=difference.ci95, color="black", capsize=3)
    axes.scatter(difference.by_seed, [place] * len(difference.by_seed), s=10, color="tab:blue")


def _draw_paper(
    axes: Axes, shown: Sequence[Summary], *, grid: Grid, summaries: Sequence[Summary]
) -> None:
    """One marker for each of the paper's columns, against the paper's own baseline."""
    papers = {each.row.name: each.row.paper for each in summaries}
    for column, heading in enumerate(grid.paper.columns if grid.paper else []):
        pairs = [(each.row.paper[column], papers[each.row.baseline][column]) for each in shown]
        known = [
            (place, ours - base)
            for place, (ours, base) in enumerate(pairs)
            if ours is not None and base is not None
        ]
        if known:
            places, values = zip(*known, strict=True)
            marker, color = "xd+*"[column % 4], f"C{column + 1}"
            label = f"paper: {heading}"
            axes.scatter(values, places, label=label, zorder=3, marker=marker, color=color)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
