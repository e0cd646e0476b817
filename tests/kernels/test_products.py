"""The tiles of the output fit together, for every shape, and nothing else is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from compiled_kernels import add_matrix_product, add_outer_products, add_product, add_product_transposed
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.kernels import products

if TYPE_CHECKING:
    from collections.abc import Callable

X_COLUMNS, D_COLUMNS, EVENTS = 12, 70, 20
TOLERANCE: dict[type, float] = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.mark.parametrize("add", [add_product, products.add_product], ids=["compiled", "python"])
@given(n=st.integers(0, 20), m=st.integers(0, 150), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_vector_times_a_matrix_is_added(add: Callable[..., None], n: int, m: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    x, W, memory = rng.normal(size=n).astype(dtype), rng.normal(size=(n, m)).astype(dtype), np.ones(m + 64, dtype)
    add(x, W, memory[:m])
    np.testing.assert_allclose(memory[:m], 1 + x.astype(float) @ W, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_array_equal(memory[m:], 1)


@pytest.mark.parametrize("add", [add_product_transposed, products.add_product_transposed], ids=["compiled", "python"])
@given(n=st.integers(0, 20), m=st.integers(0, 70), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_matrix_times_a_vector_is_added(add: Callable[..., None], n: int, m: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    memory = rng.normal(size=n * m + m + 64).astype(dtype)  # what follows W and y must not count
    W, y, out = memory[: n * m].reshape(n, m), memory[n * m : n * m + m], np.ones(n + 64, dtype)
    add(W, y, out[:n])
    np.testing.assert_allclose(out[:n], 1 + W.astype(float) @ y, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_array_equal(out[n:], 1)


@pytest.mark.parametrize("add", [add_matrix_product, products.add_matrix_product], ids=["compiled", "python"])
@given(
    k=st.integers(0, 10),
    n=st.integers(0, 9),
    m=st.integers(0, 70),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_a_matrix_times_a_matrix_is_added_to_the_first_columns(
    add: Callable[..., None], k: int, n: int, m: int, dtype: type
) -> None:
    rng = np.random.default_rng(k)
    X, W = rng.normal(size=(k, n + 5)).astype(dtype), rng.normal(size=(n, m)).astype(dtype)
    memory = np.ones(k * (m + 3) + 64, dtype)
    out = memory[: k * (m + 3)].reshape(k, m + 3)
    add(X, 2, W, out)
    expected = 1 + X[:, 2 : 2 + n].astype(float) @ W
    np.testing.assert_allclose(out[:, :m], expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_array_equal(out[:, m:], 1)
    np.testing.assert_array_equal(memory[k * (m + 3) :], 1)


@pytest.mark.parametrize("add", [add_outer_products, products.add_outer_products], ids=["compiled", "python"])
@given(
    n=st.integers(0, 10),
    m=st.integers(0, 60),
    rows=st.lists(st.integers(0, EVENTS - 1), max_size=17),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 9),
)
def test_outer_products_of_the_given_rows_and_columns_are_added(
    add: Callable[..., None], n: int, m: int, rows: list[int], dtype: type, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    X, D = rng.normal(size=(EVENTS, X_COLUMNS)).astype(dtype), rng.normal(size=(EVENTS, D_COLUMNS)).astype(dtype)
    memory = rng.normal(size=n * m + 64).astype(dtype)
    before, out = memory.copy(), memory[: n * m].reshape(n, m)
    window = np.array(rows, np.int64)
    expected = out + X[window, 2 : 2 + n].astype(float).T @ D[window, 7 : 7 + m].astype(float)
    add(X, 2, D, 7, window, out)
    np.testing.assert_allclose(out, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_array_equal(memory[n * m :], before[n * m :])
