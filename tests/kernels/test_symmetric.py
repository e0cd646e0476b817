"""Products of symmetric matrices against numpy, at sizes around the blocks of four."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_kernels import add_symmetric_product, copy_column, subtract_outer_product

SIZES = pytest.mark.parametrize("n", [1, 3, 4, 5, 8, 11])
RNG = np.random.default_rng(0)


def symmetric(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a symmetric matrix, and its lower triangle with NaN above it."""
    A = RNG.normal(size=(n, n))
    half = A + A.T
    half[np.triu_indices(n, 1)] = np.nan
    return A + A.T, half


@SIZES
def test_a_product_reads_the_lower_triangle_only(n: int) -> None:
    whole, half = symmetric(n)
    x, out = RNG.normal(size=(2, n))
    expected = out + whole @ x
    add_symmetric_product(half, x, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@SIZES
def test_an_outer_product_is_subtracted_from_the_lower_triangle(n: int) -> None:
    whole, half = symmetric(n)
    u = RNG.normal(size=n)
    subtract_outer_product(half, u, 1.1)
    np.testing.assert_allclose(np.tril(half), np.tril(1.1 * (whole - np.outer(u, u))), rtol=1e-12)
    assert np.isnan(half[np.triu_indices(n, 1)]).all()


@SIZES
def test_a_column_is_copied_from_the_lower_triangle(n: int) -> None:
    whole, half = symmetric(n)
    for i in range(n):
        out = np.empty(n)
        copy_column(half, i, out)
        np.testing.assert_array_equal(out, whole[i])
