"""OTAM against a brute-force sum over alignments, and its numerical promises."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.nn.otam import (
    alignment,
    frame_distance,
    one_way,
    otam,
    sequence_distance,
    sequence_distances,
)


def _predecessors(row: int, column: int, last: int) -> list[tuple[int, int]]:
    """The cells that an alignment may come from (fidelity: pad one column on both sides)."""
    if row == 0:
        return [(0, column - 1)] if column else []
    if column == 0:
        return []
    came_from = [(row - 1, column - 1), (row, column - 1)]
    if column in (1, last):
        came_from.append((row - 1, column))
    return came_from


def _all_paths(row: int, column: int, last: int):
    """Every alignment that ends in a cell, as lists of cells."""
    before = _predecessors(row, column, last)
    if not before:
        yield [(row, column)]
    for cell in before:
        for path in _all_paths(*cell, last):
            yield [*path, (row, column)]


def _brute_force(distance: torch.Tensor, lam: float) -> float:
    """−λ log Σ over alignments of exp(−cost / λ), each alignment enumerated."""
    num_rows, num_columns = distance.shape
    padded = torch.nn.functional.pad(distance, (1, 1))
    last = num_columns + 1
    costs = [
        sum(padded[cell].item() for cell in path) for path in _all_paths(num_rows - 1, last, last)
    ]
    return -lam * math.log(sum(math.exp(-cost / lam) for cost in costs))


@pytest.mark.parametrize(
    ("rows", "columns"), [(1, 1), (2, 2), (2, 4), (3, 3), (4, 2), (4, 4), (5, 3)]
)
@pytest.mark.parametrize("lam", [0.1, 0.5, 2.0])
def test_is_the_soft_minimum_over_all_alignments(rows, columns, lam):
    distance = torch.rand(rows, columns, dtype=torch.float64, generator=_rng(rows * 10 + columns))
    assert one_way(distance, lam=lam).item() == pytest.approx(
        _brute_force(distance, lam), abs=1e-12
    )


def test_both_directions_are_added():
    distance = torch.rand(3, 4, dtype=torch.float64, generator=_rng(1))
    expected = _brute_force(distance, 0.5) + _brute_force(distance.T, 0.5)
    assert otam(distance, lam=0.5).item() == pytest.approx(expected, abs=1e-12)


def test_gradcheck():
    distance = torch.rand(2, 3, 4, dtype=torch.float64, generator=_rng(2), requires_grad=True)
    assert torch.autograd.gradcheck(lambda d: otam(d, lam=0.5), (distance,))


@given(
    frames=st.integers(2, 16),
    lam=st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e3]),
    seed=st.integers(0, 999),
)
@settings(max_examples=60, deadline=None)
def test_is_finite_with_finite_gradients_in_float32(frames, lam, scale, seed):
    distance = scale * (2 * torch.rand(3, frames, frames, generator=_rng(seed)) - 1)
    distance.requires_grad_()
    value = otam(distance, lam=lam)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(distance.grad).all()


def test_a_frame_of_zeros_is_finite():
    x = torch.zeros(1, 4, 8, requires_grad=True)
    value = sequence_distance(x, torch.randn(1, 4, 8, generator=_rng(3)), lam=0.5)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("leading", [(), (2,)])
def test_distances_of_several_pairs_are_those_of_each(leading):
    sizes = [(3, 2), (1, 4), (2, 1)]
    pairs = [
        tuple(torch.randn(*leading, clips, 5, 6, generator=_rng(clips + i)) for clips in pair)
        for i, pair in enumerate(sizes)
    ]
    joined = sequence_distances(*pairs, lam=0.5)
    assert [tuple(each.shape) for each in joined] == [(*leading, *size) for size in sizes]
    for each, (x, y) in zip(joined, pairs, strict=True):
        torch.testing.assert_close(each, sequence_distance(x, y, lam=0.5))


def test_several_pairs_are_one_table(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "spm.nn.otam.otam", lambda *args, **kw: calls.append(1) or otam(*args, **kw)
    )
    x = torch.randn(3, 5, 6, generator=_rng(1))
    sequence_distances((x, x[:1]), (x[1:], x), lam=0.5)
    assert len(calls) == 1


def test_frame_distance_is_the_formula_written_out():
    x, y = torch.randn(2, 3, 5, generator=_rng(4)), torch.randn(4, 3, 5, generator=_rng(5))
    distance = frame_distance(x, y)
    for i, j, t, u in itertools.product(range(2), range(4), range(3), range(3)):
        a, b = x[i, t], y[j, u]
        expected = 1 - (a @ b) / (a.norm() * b.norm() + 0.01)
        assert distance[i, j, t, u] == pytest.approx(expected.item(), abs=1e-6)


def test_alignment_of_equal_sequences_lies_on_the_diagonal():
    x = torch.eye(6, dtype=torch.float64)[None]
    weights = alignment(frame_distance(x, x)[0, 0], lam=0.05)
    assert (weights.argmax(dim=-1) == torch.arange(6)).all()


def test_reversed_clips_are_further_apart():
    x = torch.randn(1, 8, 16, generator=_rng(6))
    same, backwards = sequence_distance(x, torch.cat([x, x.flip(1)]), lam=0.1)[0]
    assert same < backwards - 1


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
