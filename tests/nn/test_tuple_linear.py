"""Products with rows are products with tuples."""

import pytest
import torch

from spm.nn.tuple_linear import TupleLinear, membership, normed_tuples, weighted_sum
from spm.nn.tuples import frame_tuples


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_it_is_the_linear_layer_of_the_tuples(size: int) -> None:
    torch.manual_seed(0)
    layer = TupleLinear(6, 7, size=size).double()
    frames = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    tuples = torch.nn.functional.linear(frame_tuples(frames, size), layer.weight, layer.bias)
    torch.testing.assert_close(layer(frames), tuples, rtol=0, atol=1e-12)

    normed = torch.nn.functional.layer_norm(tuples, [7])  # [2, K = 3, L, 7]
    found, belongs = normed_tuples(layer, frames, eps=1e-5), membership(5, size, like=frames)
    vectors = torch.randn(2, 4, 7, dtype=torch.float64)
    products = torch.einsum("bxd,bkld->bxkl", vectors, normed)
    torch.testing.assert_close(found.dot(vectors, belongs), products, rtol=0, atol=1e-12)
    mixed = torch.einsum("bxkl,bkld->bxd", products, normed)
    torch.testing.assert_close(found.sum(products, belongs), mixed, rtol=0, atol=1e-11)
    plain = torch.einsum("bxkl,bkld->bxd", products, tuples)
    given = weighted_sum(products, layer.rows(frames), belongs)
    torch.testing.assert_close(given, plain, rtol=0, atol=1e-11)
