"""How a video's picture is to be shown, by what its file says of it.

    stored -> cropped -> each pixel as wide as the file says -> turned, mirrored

This module stretches no pixels: the function that resizes a picture gets its pixel aspect.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spm.base.arrays import Frames
from spm.base.errors import DataError

_WIDEST = 8
"""Largest ratio of a pixel's width to its height. Anamorphic films have 2.25 at most."""


class Crop(NamedTuple):
    """Pixels that the container cuts off at the sides of a stored picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def of(self, picture: Frames) -> Frames:
        height, width = picture.shape[:2]
        cropped = picture[self.top : height - self.bottom, self.left : width - self.right]
        if not cropped.size or min(self) < 0:
            raise DataError(f"damaged: crops a picture of {width}×{height} by {tuple(self)}")
        return cropped


UNCROPPED = Crop()


@dataclass(frozen=True)
class Turn:
    """One of a picture's eight orientations: rows and columns exchanged, then either reversed."""

    transposed: bool = False
    rows_reversed: bool = False
    columns_reversed: bool = False

    @property
    def mirrors(self) -> bool:
        return self.transposed ^ self.rows_reversed ^ self.columns_reversed

    def of(self, picture: Frames) -> Frames:
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        rows, columns = (-1 if flag else 1 for flag in (self.rows_reversed, self.columns_reversed))
        return np.ascontiguousarray(picture[::rows, ::columns])

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the turn of a picture that is `height` × `width` before."""
        return (width, height) if self.transposed else (height, width)

    def aspect(self, pixel_aspect: float) -> float:
        """The pixel aspect after the turn."""
        return 1 / pixel_aspect if self.transposed else pixel_aspect


def turn_of(frame: Any) -> Turn:
    """The turn that a decoded frame's display matrix asks for.

    The matrix moves pixel (x, y) to (a·x + c·y, b·x + d·y). Other angles, as from a telephone that
    measured 91°, are rounded to the nearest of the eight turns.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Turn()
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).astype(int).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(rows_reversed=d < 0, columns_reversed=a < 0)
    return Turn(transposed=True, rows_reversed=b < 0, columns_reversed=c < 0)


def pixel_aspect_of(stream: Any) -> float:
    """Width to height of a stored pixel. Raises DataError for a ratio that no picture has."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / _WIDEST <= aspect <= _WIDEST:
        raise DataError(f"damaged: its pixels are {aspect:g} times as wide as high")
    return aspect
