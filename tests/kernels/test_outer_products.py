"""The tiles of the output fit together, for every shape, and nothing else is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from compiled_kernels import add_outer_products
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.kernels import outer_products

if TYPE_CHECKING:
    from collections.abc import Callable

X_COLUMNS, D_COLUMNS, EVENTS = 12, 70, 20


@pytest.mark.parametrize("add", [add_outer_products, outer_products.add_outer_products], ids=["compiled", "python"])
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
    np.testing.assert_allclose(out, expected, rtol=1e-12 if dtype is np.float64 else 1e-5, atol=1e-5)
    np.testing.assert_array_equal(memory[n * m :], before[n * m :])
