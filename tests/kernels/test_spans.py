"""Loops over spans: vectors in compiled code are what numbers are in Python, whatever the length of the array."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.kernels.activations import tanh
from stream_rnn.kernels.elementary import quotient
from stream_rnn.kernels.jit import entry
from stream_rnn.kernels.spans import LANES, spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

LENGTHS = st.integers(0, 3 * LANES + 2)
AROUND = 40
"""Elements around an array, which must stay as they are."""


@entry
def _arithmetic(x: Any, y: Any, a: float, out: Any) -> None:
    number = x.dtype.type
    scale, one = number(a), number(1)
    for j in spans(out):
        z = scale * x[j] - y[j] / (one + x[j] * x[j])
        z += x[j]
        z *= scale
        z -= y[j]
        z /= scale + one
        out[j] = -z + math.sqrt(x[j] * x[j])


@entry
def _bounded(x: Any, low: float, high: float, out: Any) -> None:
    number = x.dtype.type
    lowest, highest = number(low), number(high)
    for j in spans(out):
        out[j] = min(max(x[j], lowest), highest)


@entry
def _tanh(x: Any, out: Any) -> None:
    for j in spans(out):
        out[j] = tanh(x[j])


@entry
def _quotient(a: Any, b: Any, out: Any) -> None:
    for j in spans(out):
        out[j] = quotient(a[j], b[j])


@entry
def _fill(value: float, out: Any) -> None:
    number = out.dtype.type
    for j in spans(out):
        out[j] = number(value)


def inside(n: int, dtype: type = np.float32) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return memory of ones, and an array of n elements in it that does not start at a vector."""
    memory = np.ones(n + 2 * AROUND, dtype)
    return memory, memory[AROUND + 1 : AROUND + 1 + n]


@pytest.mark.parametrize("call", [_arithmetic, _arithmetic.__wrapped__], ids=["compiled", "python"])
@given(n=LENGTHS, dtype=st.sampled_from([np.float32, np.float64]))
def test_arithmetic_is_that_of_numbers(call: Any, n: int, dtype: type) -> None:
    x, y = np.random.default_rng(n).normal(size=(2, n)).astype(dtype)
    memory, out = inside(n, dtype)
    call(x, y, 0.5, out)
    wide, other = x.astype(float), y.astype(float)
    z = ((0.5 * wide - other / (1 + wide * wide) + wide) * 0.5 - other) / 1.5
    np.testing.assert_allclose(out, np.abs(wide) - z, rtol=1e-5, atol=1e-6)
    out[:] = 1
    np.testing.assert_array_equal(memory, 1)


def test_bounds_keep_nan_and_replace_infinities() -> None:
    x = np.array([math.nan, math.inf, -math.inf, 0.5, -3.0], np.float32)
    memory, out = inside(len(x))
    _bounded(x, -1.0, 2.0, out)
    np.testing.assert_array_equal(out, np.array([math.nan, 2, -1, 0.5, -1], np.float32))
    out[:] = 1
    np.testing.assert_array_equal(memory, 1)


def test_a_number_fills_a_span_and_nothing_else() -> None:
    memory, out = inside(LANES + 3)
    _fill(7.0, out)
    np.testing.assert_array_equal(out, 7)
    assert memory.sum() == 2 * AROUND + 7 * len(out)


def test_an_element_does_not_depend_on_its_place() -> None:
    x = np.random.default_rng(0).normal(size=3 * LANES).astype(np.float32)
    results = []
    for shift in range(LANES + 1):
        out = np.empty(len(x) - shift, np.float32)
        _tanh(x[shift:].copy(), out)
        results.append(out[-1])
    assert len(set(results)) == 1


def test_the_quotient_of_an_optimizer_has_the_accuracy_of_float32() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=10_000).astype(np.float32)
    b = np.exp(rng.uniform(-60, 60, size=a.size)).astype(np.float32)
    out = np.empty_like(a)
    _quotient(a, b, out)
    np.testing.assert_allclose(out, a.astype(float) / b.astype(float), rtol=4e-7)


@pytest.mark.parametrize("b", [1e-8, 1e-38, 1e-45, 3e38])
def test_zero_divided_by_any_positive_number_is_zero(b: float) -> None:
    out = np.ones(1, np.float32)
    _quotient(np.zeros(1, np.float32), np.array([b], np.float32), out)
    assert out[0] == 0


AGREEMENT = """
import sys
sys.path.insert(0, "tests")
import numpy as np
from compiled_kernels import activate, add_outer_products, add_product, add_product_transposed
from stream_rnn.kernels.vectors import has_masks
assert not has_masks()
rng = np.random.default_rng(0)
X, D, W = (rng.normal(size=shape).astype(np.float32) for shape in ((16, 40), (16, 99), (33, 99)))
up, down, gradient = np.zeros(99, np.float32), np.zeros(33, np.float32), np.zeros((33, 99), np.float32)
add_product(X[0, :33].copy(), W, up)
add_product_transposed(W, D[0], down)
add_outer_products(X, 2, D, 0, np.arange(16), gradient)
activate(1, up)
np.testing.assert_allclose(up, np.tanh(X[0, :33].astype(float) @ W), atol=1e-5)
np.testing.assert_allclose(down, W.astype(float) @ D[0], atol=1e-4)
np.testing.assert_allclose(gradient, X[:, 2:35].T.astype(float) @ D, atol=1e-4)
"""


def test_kernels_are_right_on_a_processor_without_masks() -> None:
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "PYTHONPATH": os.pathsep.join([".", *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", AGREEMENT], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
