"""The masks by which TA2N shifts a map: a window over the whole map that moves by o.

    f(g_i + o) on a grid g of −1 … 1,  f(z) = 1 within ±1, falling to 0 over two cells beyond

A mask is the product over both axes, divided by its sum. Nine masks around o are averaged, three on
each axis; the mean of products over both axes is the product of the axes' means.
"""

import torch
from torch import Tensor

_STEP = 0.2
"""Between the shifts whose masks are averaged."""


def mask(offset: Tensor, *, height: int, width: int, shifts: bool) -> Tensor:
    """offset [..., 2], (x, y) -> weights of positions, [..., H, W]; their sum is 1.

    shifts: average nine masks around the offset.
    """
    x, y = offset.unbind(dim=-1)
    columns = _of_axis(x, length=width, shifts=shifts)
    rows = _of_axis(y, length=height, shifts=shifts)
    return rows[..., :, None] * columns[..., None, :]


def _of_axis(offset: Tensor, *, length: int, shifts: bool) -> Tensor:
    """[...] -> [..., L]"""
    grid = torch.linspace(-1, 1, length, dtype=offset.dtype, device=offset.device)
    moved = grid + offset[..., None]
    windows = [_window(moved + _STEP * i, length) for i in ((-1, 0, 1) if shifts else (0,))]
    return torch.stack([each / each.sum(dim=-1, keepdim=True) for each in windows]).mean(dim=0)


def _window(z: Tensor, length: int) -> Tensor:
    """f(z)"""
    return (1 - (z.abs() - 1) * (length - 1) / 2).clamp(0, 1)
