"""The fast tanh, and the activations' derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from probe import finite_differences

from stream_rnn.kernels import activations
from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.jit import entry

KINDS = pytest.mark.parametrize("kind", Activation, ids=lambda kind: kind.name.lower())
X = np.linspace(-12, 12, 24_001)
FORMS = {
    Activation.IDENTITY: lambda a: a,
    Activation.TANH: np.tanh,
    Activation.RELU: lambda a: np.maximum(a, 0),
    Activation.SIGMOID: lambda a: 1 / (1 + np.exp(-a)),
}

_activate = entry(activations.activate)
_activate_backward = entry(activations.activate_backward)


def activated(kind: Activation, a: Any) -> Any:
    made = np.array(a)
    _activate(kind.value, made)
    return made


@KINDS
def test_values_are_the_functions(kind: Activation) -> None:
    np.testing.assert_allclose(activated(kind, X), FORMS[kind](X), rtol=1e-12, atol=1e-15)


@KINDS
def test_values_in_single_precision_are_as_good_as_it_allows(kind: Activation) -> None:
    found = activated(kind, X.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FORMS[kind](X), rtol=2e-7, atol=2e-7)


def test_tanh_in_single_precision_never_leaves_its_range() -> None:
    x = np.array([-np.inf, -1e30, -8, 8, 1e30, np.inf], np.float32)
    assert (np.abs(activated(Activation.TANH, x)) <= 1).all()


def test_nan_stays_nan() -> None:
    for precision in (np.float32, np.float64):
        assert np.isnan(activated(Activation.TANH, np.array([np.nan], precision))).all()


@KINDS
def test_slopes_are_those_of_the_values(kind: Activation) -> None:
    a = np.array([-2.0, -0.3, 0.4, 1.7])
    found = np.ones_like(a)
    _activate_backward(kind.value, activated(kind, a), found)
    expected = finite_differences(lambda: float(activated(kind, a).sum()), a)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
