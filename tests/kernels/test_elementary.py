"""The fast exponential, softplus, sine and cosine against numpy's in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stream_rnn.kernels import elementary
from stream_rnn.kernels.jit import entry

PRECISIONS = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float32, 1.2e-7), (np.float64, 1e-15)], ids=["float32", "float64"]
)
"""One unit in the last place of 1 is 1.2e-7 in float32."""


@entry
def _exp(x: Any, out: Any) -> None:
    for j in range(x.shape[0]):
        out[j] = elementary.exp(x[j])


@entry
def _softplus(x: Any, out: Any) -> None:
    for j in range(x.shape[0]):
        out[j] = elementary.softplus(x[j])


@entry
def _sin_cos(x: Any, sine: Any, cosine: Any) -> None:
    for j in range(x.shape[0]):
        sine[j], cosine[j] = elementary.sin_cos(x[j])


def exp(x: Any) -> Any:
    out = np.empty_like(x)
    _exp(x, out)
    return out


def softplus(x: Any) -> Any:
    out = np.empty_like(x)
    _softplus(x, out)
    return out


def sin_cos(x: Any) -> tuple[Any, Any]:
    sine, cosine = np.empty_like(x), np.empty_like(x)
    _sin_cos(x, sine, cosine)
    return sine, cosine


@PRECISIONS
def test_exponential_has_the_accuracy_of_its_precision(dtype: type, tolerance: float) -> None:
    x = np.linspace(-87, 88, 100_001).astype(dtype)
    np.testing.assert_allclose(exp(x), np.exp(x.astype(float)), rtol=tolerance, atol=0)


@PRECISIONS
def test_softplus_has_the_accuracy_of_its_precision(dtype: type, tolerance: float) -> None:
    x = np.linspace(-86, 100, 100_001).astype(dtype)
    np.testing.assert_allclose(softplus(x), np.logaddexp(0, x.astype(float)), rtol=3 * tolerance, atol=0)


def test_softplus_of_large_values_is_its_asymptote() -> None:
    x = np.array([-1e30, 1e30], np.float32)
    np.testing.assert_allclose(softplus(x), np.maximum(x, 0), rtol=0, atol=1e-37)


@PRECISIONS
@pytest.mark.parametrize("bound", [0.8, np.pi, 1100.0, 10_000.0])
def test_sine_and_cosine_have_the_accuracy_of_their_precision(bound: float, dtype: type, tolerance: float) -> None:
    x = np.linspace(-bound, bound, 100_001).astype(dtype)
    sine, cosine = sin_cos(x)
    np.testing.assert_allclose(sine, np.sin(x.astype(float)), rtol=0, atol=tolerance)
    np.testing.assert_allclose(cosine, np.cos(x.astype(float)), rtol=0, atol=tolerance)


def test_sine_of_small_angles_has_a_small_relative_error() -> None:
    x = np.logspace(-30, -1, 1000).astype(np.float32)
    np.testing.assert_allclose(sin_cos(x)[0], np.sin(x.astype(float)), rtol=1.2e-7)


def test_values_at_zero_are_exact() -> None:
    zero = np.zeros(1, np.float32)
    assert exp(zero) == 1
    assert sin_cos(zero) == (0, 1)


def test_exponential_in_float32_clips_its_argument() -> None:
    x = np.array([-np.inf, -1e30, -88, 89, 1e30, np.inf], np.float32)
    np.testing.assert_array_equal(exp(x), exp(np.repeat(np.array([-87, 88], np.float32), 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_nan_are_nan(dtype: Any) -> None:
    x = np.array([np.nan], dtype)
    assert np.isnan([exp(x), softplus(x), *sin_cos(x)]).all()


@pytest.mark.parametrize("function", ["exp", "softplus", "sin_cos"])
def test_uncompiled_functions_keep_the_precision_of_their_argument(function: str) -> None:
    result = getattr(elementary, function)(np.float32(0.5))
    for value in result if isinstance(result, tuple) else (result,):
        assert isinstance(value, np.float32)
