"""Draws where a tower looked (the paper's Fig. 7).

            time →
frame       ┌──┬──┬──┐
heat        ├──┼──┼──┤   0 … 1, the hottest place of the clip
both        └──┴──┴──┘
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spm.report.figures import new_figure

_COLOURS = "inferno"
_SIDE = 1.1
"""Inches of a frame."""


def heat_figure(frames: NDArray[np.uint8], heat: NDArray[np.float32], *, title: str = "") -> Figure:
    """frames [T, H, W, 3] in time from left to right, their heat [T, H, W] from 0 to 1 below, and
    the frames in its light."""
    lines = len(title.splitlines())
    figure = new_figure(_SIDE * len(frames) + 1.2, 3 * _SIDE + 0.2 + 0.25 * lines)
    colours = (255 * colormaps[_COLOURS](heat)[..., :3]).astype(np.uint8)
    rows = {"frame": frames, "heat": colours, "both": overlay(frames, heat)}
    axes = figure.subplots(3, 1)
    for each, (name, pictures) in zip(axes, rows.items(), strict=True):
        each.imshow(np.concatenate(pictures, axis=1), interpolation="nearest")
        each.set(xticks=[], yticks=[])
        each.set_ylabel(name)
    scale = ScalarMappable(Normalize(0, 1), _COLOURS)
    figure.colorbar(scale, ax=axes, label="share of the hottest place", shrink=0.8)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def overlay(frames: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frames [T, H, W, 3], grey where they are cold, in the colours of heat elsewhere."""
    grey = frames.mean(axis=-1, keepdims=True)
    hot = 255 * colormaps[_COLOURS](heat)[..., :3]
    share = 0.6 * heat[..., None]
    mixed: NDArray[np.uint8] = ((1 - share) * (0.85 * grey) + share * hot).astype(np.uint8)
    return mixed
