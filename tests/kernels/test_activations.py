"""The activations, with the fast tanh of float32, and their derivatives."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from compiled_kernels import activate, activate_backward
from probe import finite_differences

from stream_rnn.kernels.activations import Activation
from stream_rnn.settings.fields import ActivationName

KINDS = pytest.mark.parametrize("kind", Activation, ids=lambda kind: kind.name.lower())
X = np.linspace(-12, 12, 24_001)
FORMS = {
    Activation.IDENTITY: lambda a: a,
    Activation.TANH: np.tanh,
    Activation.RELU: lambda a: np.maximum(a, 0),
    Activation.SIGMOID: lambda a: 1 / (1 + np.exp(-a)),
}


def activated(kind: Activation, a: Any) -> Any:
    y = np.array(a)
    activate(kind.value, y)
    return y


def test_every_activation_has_a_reference_function_and_a_name_in_the_settings() -> None:
    assert set(FORMS) == set(Activation)
    assert {name.upper() for name in get_args(ActivationName)} == {kind.name for kind in Activation}


@KINDS
def test_activations_in_float64_are_exact(kind: Activation) -> None:
    np.testing.assert_allclose(activated(kind, X), FORMS[kind](X), rtol=1e-12, atol=1e-15)


@KINDS
def test_activations_in_float32_have_the_accuracy_of_float32(kind: Activation) -> None:
    y = activated(kind, X.astype(np.float32))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, FORMS[kind](X), rtol=2e-7, atol=2e-7)


def test_tanh_in_float32_stays_between_minus_one_and_one() -> None:
    x = np.array([-np.inf, -1e30, -8, 8, 1e30, np.inf], np.float32)
    assert (np.abs(activated(Activation.TANH, x)) <= 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_of_nan_is_nan(dtype: Any) -> None:
    assert np.isnan(activated(Activation.TANH, np.array([np.nan], dtype))).all()


@KINDS
def test_derivatives_equal_finite_differences(kind: Activation) -> None:
    a = np.array([-2.0, -0.3, 0.4, 1.7])
    d = np.ones_like(a)
    activate_backward(kind.value, activated(kind, a), d)
    expected = finite_differences(lambda: float(activated(kind, a).sum()), a)
    np.testing.assert_allclose(d, expected, rtol=1e-8, atol=1e-10)
