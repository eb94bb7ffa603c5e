"""Draws the alignment of a query.

                  support clip's frames →
                ┌──┬──┬──┬──┐
query's frames  │ ●│  │  │  │ ▒   shade: the frame distance D, with its scale beside
      ↓         │  │ ●│ •│  │ ░   disc:  how much the pair weighs in the distance of query and class
                └──┴──┴──┴──┘
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.report.alignment_examples import AlignmentExample
from spm.report.figures import new_figure, plain

_DISC = 1000
"""Area in square points of the disc for the largest weight, which fits its cell."""
_FILL, _EDGE = "crimson", "white"
_SHARES = (1 / 8, 1 / 2, 1)
"""Of the largest weight: the discs of the legend."""


def alignment_figure(example: AlignmentExample) -> Figure:
    """The figure: query frames down, support frames of the predicted class across."""
    num_frames = len(example.distance)
    figure = new_figure(3 + 0.75 * num_frames, 2 + 0.75 * num_frames)
    grid = figure.add_gridspec(
        2, 2, width_ratios=[1, num_frames], height_ratios=[1, num_frames], wspace=0, hspace=0
    )
    across, down = figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 0])
    _strip(across, np.concatenate(example.support_frames, axis=1))
    _strip(down, np.concatenate(example.query_frames, axis=0))
    matrix = figure.add_subplot(grid[1, 1])
    shades = _matrix(matrix, example)
    figure.colorbar(shades, ax=[across, matrix], label="distance of the two frames (dark: far)")
    _legend(figure, example.weights.max())
    verdict = "right" if example.right else "wrong"
    figure.suptitle(
        plain(
            f"query (down): {example.actual}\n"
            f"taken for (across): {example.predicted}, {example.probability:.0f} % ({verdict})"
        ),
        fontsize=10,
    )
    return figure


def _strip(axes: Axes, frames: NDArray[np.uint8]) -> None:
    axes.imshow(frames, aspect="auto")
    axes.set_axis_off()


def _matrix(axes: Axes, example: AlignmentExample) -> ScalarMappable:
    shades = axes.imshow(example.distance, cmap="viridis_r", aspect="auto")
    rows, columns = np.indices(example.weights.shape)
    areas = _DISC * example.weights.ravel() / _largest(example.weights.max())
    axes.scatter(columns.ravel(), rows.ravel(), s=areas, color=_FILL, edgecolors=_EDGE)
    axes.set(xticks=[], yticks=[])
    return shades


def _legend(figure: Figure, largest: float) -> None:
    axes = figure.axes[0]
    discs = [
        axes.scatter([], [], s=_DISC * share, color=_FILL, edgecolors=_EDGE) for share in _SHARES
    ]
    figure.legend(
        discs,
        [f"weight {share * largest:.2g}" for share in _SHARES],
        loc="outside lower center",
        ncols=len(_SHARES),
        frameon=False,
        borderpad=1,
        handleheight=3.2,
        handletextpad=1,
    )


def _largest(weight: float) -> float:
    """No weight at all is no disc, not a division by 0."""
    return weight or 1.0
