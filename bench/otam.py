"""Benchmarks OTAM, forward and backward, in both directions, against filling cell by cell."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from bench.timing import Line, interleaved
from spm.nn.otam import otam

_LAMBDA = 0.5
_TARGETS = {(20, 5, 8, 8): 10.0, (100, 5, 8, 8): 4.0, (20, 5, 16, 16): 12.0}


def lines() -> Iterator[Line]:
    """A line for each shape [queries, classes, T, T], one thread, float32."""
    for shape, target in _TARGETS.items():
        distance = 2 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
        seconds = interleaved(
            {
                "ours": lambda d=distance: _step(lambda x: otam(x, lam=_LAMBDA), d),
                "cells": lambda d=distance: _step(cell_by_cell, d),
            }
        )
        yield Line(
            f"OTAM, forward and backward, {list(shape)}",
            "cell by cell, in place",
            seconds["ours"],
            seconds["cells"],
            target,
        )


def cell_by_cell(distance: Tensor) -> Tensor:
    """The reference, as public code fills the table: one cell at a time, [..., T, T'] -> [...]."""
    return _one_way(distance) + _one_way(distance.transpose(-1, -2))


def _one_way(distance: Tensor) -> Tensor:
    rows, columns = distance.shape[-2:]
    padded = torch.nn.functional.pad(distance, (1, 1))
    table = torch.zeros_like(padded)
    for column in range(1, columns + 2):
        table[..., 0, column] = padded[..., 0, column] + table[..., 0, column - 1]
    for row in range(1, rows):
        for column in range(1, columns + 2):
            ways = _weight(table[..., row - 1, column - 1]) + _weight(table[..., row, column - 1])
            if column in (1, columns + 1):
                ways = ways + _weight(table[..., row - 1, column])
            table[..., row, column] = padded[..., row, column] - _LAMBDA * torch.log(ways)
    return table[..., -1, -1]


def _weight(cell: Tensor) -> Tensor:
    return torch.exp(-cell / _LAMBDA)


def _step(call: Callable[[Tensor], Tensor], distance: Tensor) -> None:
    distance = distance.clone().requires_grad_()
    call(distance).sum().backward()
