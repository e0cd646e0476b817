"""Linear algebra against numpy, at lengths around the blocks of eight."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_kernels import (
    add_scaled_columns,
    add_sum,
    copy,
    finite,
    linear_recurrence,
)

from stream_rnn.kernels.aligned import LINE, aligned_zeros

LENGTHS = pytest.mark.parametrize("n", [1, 7, 8, 9, 16, 19])
M = 5
RNG = np.random.default_rng(0)


@LENGTHS
def test_add_sum_adds_the_given_rows(n: int) -> None:
    D, out = RNG.normal(size=(30, 8)), RNG.normal(size=M)
    rows = RNG.permutation(30)[:n]
    expected = out + D[rows, 3:].sum(axis=0)
    add_sum(D, 3, rows, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_add_scaled_columns_adds_the_scaled_columns_of_the_given_rows(n: int) -> None:
    X, D, out = RNG.normal(size=(30, 25)), RNG.normal(size=(30, 8)), RNG.normal(size=(4, M))
    rows = RNG.permutation(30)[:n]
    expected = out + np.einsum("qij,qj->ij", X[rows, 2:22].reshape(n, 4, M), D[rows, 3:])
    add_scaled_columns(X, 2, D, 3, rows, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@LENGTHS
def test_linear_recurrence_is_element_wise(n: int) -> None:
    A, x, out = RNG.normal(size=(3, n))
    expected = A * out + 0.3 * x
    linear_recurrence(A, 0.3, x, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@LENGTHS
def test_finite_finds_a_value_that_is_not_wherever_it_is(n: int, bad: float) -> None:
    x = np.full(n, 1e300)
    assert finite(x)
    for place in range(n):
        x[place] = bad
        assert not finite(x)
        x[place] = -1e300


@LENGTHS
def test_copy_copies(n: int) -> None:
    x, out = RNG.normal(size=(2, n))
    copy(x, out)
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("shape", [(), (3,), (5, 7), (2, 3, 4)])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_aligned_zeros_start_at_a_cache_line(shape: tuple[int, ...], kind: type) -> None:
    zeros = aligned_zeros(shape, kind)
    assert zeros.shape == shape
    assert zeros.dtype == kind
    assert not zeros.any()
    assert zeros.ctypes.data % LINE == 0
    assert zeros.flags.c_contiguous
    assert zeros.flags.writeable
