"""The inner loops against numpy, at every length around the blocks of eight."""

from __future__ import annotations

import numpy as np
import pytest

from stream_rnn.kernels import linalg
from stream_rnn.kernels.aligned import LINE, aligned_zeros
from stream_rnn.kernels.jit import entry

add_product = entry(linalg.add_product)
add_product_transposed = entry(linalg.add_product_transposed)
add_outer_products = entry(linalg.add_outer_products)
add_sum = entry(linalg.add_sum)
copy = entry(linalg.copy)
linear_recurrence = entry(linalg.linear_recurrence)
add_scaled_columns = entry(linalg.add_scaled_columns)

LENGTHS = pytest.mark.parametrize("n", [1, 7, 8, 9, 16, 19])
M = 5
RNG = np.random.default_rng(0)


@LENGTHS
def test_a_product_is_added(n: int) -> None:
    x, W, out = RNG.normal(size=n), RNG.normal(size=(n, M)), RNG.normal(size=M)
    expected = out + x @ W
    add_product(x, W, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_a_product_with_the_transposed_is_added(n: int) -> None:
    W, y, out = RNG.normal(size=(n, M)), RNG.normal(size=M), RNG.normal(size=n)
    expected = out + W @ y
    add_product_transposed(W, y, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_outer_products_of_chosen_rows_and_columns_are_added(n: int) -> None:
    X, D, out = RNG.normal(size=(30, 9)), RNG.normal(size=(30, 8)), RNG.normal(size=(4, M))
    rows = RNG.permutation(30)[:n]
    expected = out + X[rows, 2:6].T @ D[rows, 3:]
    add_outer_products(X, 2, D, 3, rows, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_chosen_rows_are_summed(n: int) -> None:
    D, out = RNG.normal(size=(30, 8)), RNG.normal(size=M)
    rows = RNG.permutation(30)[:n]
    expected = out + D[rows, 3:].sum(axis=0)
    add_sum(D, 3, rows, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_columns_of_chosen_rows_are_scaled_and_added(n: int) -> None:
    X, D, out = RNG.normal(size=(30, 25)), RNG.normal(size=(30, 8)), RNG.normal(size=(4, M))
    rows = RNG.permutation(30)[:n]
    expected = out + np.einsum("qij,qj->ij", X[rows, 2:22].reshape(n, 4, M), D[rows, 3:])
    add_scaled_columns(X, 2, D, 3, rows, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_each_element_recurs_by_itself(n: int) -> None:
    A, x, out = RNG.normal(size=(3, n))
    expected = A * out + 0.3 * x
    linear_recurrence(A, 0.3, x, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_a_copy_is_the_array(n: int) -> None:
    x, out = RNG.normal(size=(2, n))
    copy(x, out)
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("shape", [(), (3,), (5, 7), (2, 3, 4)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_memory_begins_at_a_cache_line(shape: tuple[int, ...], kind: type) -> None:
    made = aligned_zeros(shape, kind)
    assert made.shape == shape
    assert made.dtype == kind
    assert not made.any()
    assert made.ctypes.data % LINE == 0
    assert made.flags.c_contiguous
    assert made.flags.writeable
