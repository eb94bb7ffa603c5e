"""Draws the alignment of a query.

                  support clip's frames →
                ┌──┬──┬──┬──┐
query's frames  │ ●│  │  │  │   shade: the frame distance D
      ↓         │  │ ●│ •│  │   disc:  how much the pair weighs in OTAM's distance
                └──┴──┴──┴──┘
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.report.alignment_examples import AlignmentExample
from spm.report.figures import new_figure

_DISC = 2000
"""Area in square points of the disc for the largest weight, 2. The disc just fits its cell."""


def alignment_figure(example: AlignmentExample) -> Figure:
    """The figure: query frames down, support frames of the predicted class across."""
    num_frames = len(example.distance)
    figure = new_figure(1.6 + 0.75 * num_frames, 1.4 + 0.75 * num_frames)
    grid = figure.add_gridspec(
        2, 2, width_ratios=[1, num_frames], height_ratios=[1, num_frames], wspace=0, hspace=0
    )
    _strip(figure.add_subplot(grid[0, 1]), np.concatenate(example.support_frames, axis=1))
    _strip(figure.add_subplot(grid[1, 0]), np.concatenate(example.query_frames, axis=0))
    _matrix(figure.add_subplot(grid[1, 1]), example)
    verdict = "right" if example.right else "wrong"
    figure.suptitle(
        f"query (down): {example.actual}\n"
        f"taken for (across): {example.predicted}, {example.probability:.0f} % ({verdict})",
        fontsize=10,
    )
    return figure


def _strip(axes: Axes, frames: NDArray[np.uint8]) -> None:
    axes.imshow(frames, aspect="auto")
    axes.set_axis_off()


def _matrix(axes: Axes, example: AlignmentExample) -> None:
    axes.imshow(example.distance, cmap="viridis_r", aspect="auto")
    rows, columns = np.indices(example.weights.shape)
    areas = _DISC * example.weights.ravel() / 2
    axes.scatter(columns.ravel(), rows.ravel(), s=areas, color="crimson", edgecolors="white")
    axes.set(xticks=[], yticks=[])
