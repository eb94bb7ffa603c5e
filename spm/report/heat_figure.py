"""Draws where a tower looked (the paper's Fig. 7).

            time →
frame       ┌──┬──┬──┐
heat        ├──┼──┼──┤   0 … 1, the hottest place of the clip
both        └──┴──┴──┘
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.report.figures import new_figure, plain

_COLOURS = "inferno"
_SCALE = PowerNorm(0.5, vmin=0, vmax=1)
"""One frame is often far hotter than the others: the square root lets theirs be seen too."""
_SIDE = 1.1
"""Inches of a frame."""


def heat_figure(frames: NDArray[np.uint8], heat: NDArray[np.float32], *, title: str = "") -> Figure:
    """frames [T, H, W, 3] in time from left to right, their heat [T, H, W] from 0 to 1 below, and
    the frames in its light."""
    lines = len(title.splitlines())
    figure = new_figure(_SIDE * len(frames) + 1.2, 3 * _SIDE + 0.2 + 0.25 * lines)
    rows = {"frame": frames, "heat": _coloured(heat), "both": overlay(frames, heat)}
    axes = figure.subplots(3, 1)
    for each, (name, pictures) in zip(axes, rows.items(), strict=True):
        each.imshow(np.concatenate(pictures, axis=1), aspect="auto", interpolation="nearest")
        each.set(xticks=[], yticks=[])
        each.set_ylabel(name)
    figure.colorbar(
        ScalarMappable(_SCALE, _COLOURS), ax=axes, label="share of the hottest place", shrink=0.8
    )
    if title:
        figure.suptitle(plain(title), fontsize=10)
    return figure


def overlay(frames: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frames [T, H, W, 3], grey where they are cold, in the colours of heat elsewhere."""
    grey = 0.85 * frames.mean(axis=-1, keepdims=True)
    share = 0.7 * np.asarray(_SCALE(heat))[..., None]
    mixed: NDArray[np.uint8] = ((1 - share) * grey + share * _coloured(heat)).astype(np.uint8)
    return mixed


def _coloured(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[T, H, W, 3]"""
    colours: NDArray[np.uint8] = (255 * colormaps[_COLOURS](_SCALE(heat))[..., :3]).astype(np.uint8)
    return colours
