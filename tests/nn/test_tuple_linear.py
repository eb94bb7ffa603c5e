"""Products with rows are products with tuples."""

import copy

import pytest
import torch

from spm.nn.tuple_linear import TupleLinear, balanced, normed_tuples, weighted_sum
from spm.nn.tuples import frame_tuples, increasing


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_it_is_the_linear_layer_of_the_tuples(size: int) -> None:
    torch.manual_seed(0)
    layer = TupleLinear(6, 7, num_frames=5, size=size).double()
    frames = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    concatenated = frame_tuples(frames, increasing(5, size))
    tuples = torch.nn.functional.linear(concatenated, layer.weight, layer.bias)
    torch.testing.assert_close(layer(frames), tuples, rtol=0, atol=1e-12)

    normed = torch.nn.functional.layer_norm(tuples, [7])  # [2, K = 3, L, 7]
    found, belongs = normed_tuples(layer, frames, eps=1e-5), layer.membership
    vectors = torch.randn(2, 4, 7, dtype=torch.float64)
    products = torch.einsum("bxd,bkld->bxkl", vectors, normed)
    torch.testing.assert_close(found.dot(vectors, belongs), products, rtol=0, atol=1e-12)
    mixed = torch.einsum("bxkl,bkld->bxd", products, normed)
    torch.testing.assert_close(found.sum(products, belongs), mixed, rtol=0, atol=1e-11)
    plain = torch.einsum("bxkl,bkld->bxd", products, tuples)
    given = weighted_sum(products, layer.rows(frames), belongs)
    torch.testing.assert_close(given, plain, rtol=0, atol=1e-11)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_balanced_rows_make_the_same_tuples(size: int) -> None:
    torch.manual_seed(0)
    layer = TupleLinear(6, 7, num_frames=5, size=size).double()
    rows = layer.rows(torch.randn(2, 3, 5, 6, dtype=torch.float64))
    found = layer.tuples(balanced(rows, size=size))
    torch.testing.assert_close(found, layer.tuples(rows), rtol=0, atol=1e-12)


def test_balanced_rows_of_a_clip_that_stands_still_are_no_larger_than_its_tuples() -> None:
    layer = TupleLinear(6, 6, num_frames=5, size=2).double()
    with torch.no_grad():
        layer.weight.copy_(torch.cat([torch.eye(6), -torch.eye(6)], dim=1))  # a difference
    rows = layer.rows(torch.full((5, 6), 1e6, dtype=torch.float64))
    assert rows.abs().max() > 9e5
    found = balanced(rows, size=2)
    assert found.abs().max() <= layer.tuples(rows).abs().max() + 1e-9


def test_which_frames_a_tuple_holds_is_in_no_state_and_moves_with_the_layer() -> None:
    layer = copy.deepcopy(TupleLinear(6, 7, num_frames=4, size=2)).double()
    assert layer.state_dict().keys() == {"weight", "bias"}
    assert layer.membership.dtype == torch.float64
    assert layer.to("meta").membership.is_meta
    frames = torch.zeros(1, 4, 6, dtype=torch.bfloat16)
    low = TupleLinear(6, 7, num_frames=4, size=2).bfloat16()
    assert low(frames).shape == (1, 6, 7)


@pytest.mark.parametrize("size", [0, 5])
def test_a_tuple_holds_at_most_the_frames_of_a_clip(size: int) -> None:
    with pytest.raises(ValueError, match=rf"tuples of {size} frames: .* has 4, .* holds 1 to 4"):
        increasing(4, size)
