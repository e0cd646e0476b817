"""Activations, and their derivatives as functions of the activation's value.

In float32, tanh is a minimax rational approximation on [-7.9, 7.9] with a maximum error of 1.5e-7. It is five times as
fast as the math library's and, unlike it, vectorised. In float64, tanh is the math library's, because gradients are
checked in float64.
"""

import math
from enum import IntEnum
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from stream_rnn.kernels.jit import INNER_OPTIONS, inner
from stream_rnn.kernels.spans import spans, vector


class Activation(IntEnum):
    """The activations that the settings can name."""

    IDENTITY = 0
    TANH = 1
    RELU = 2
    SIGMOID = 3


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a scalar, in the precision of the scalar."""
    return type(x)(math.tanh(x))


@overload(tanh, jit_options=INNER_OPTIONS, inline="never")
def _tanh(x: Any) -> Any:
    f = np.float32
    bound, one = f(7.9), f(1)
    n0, n1, n2, n3, n4 = (
        f(0.999999994),
        f(0.134506207),
        f(0.00357899218),
        f(2.20232477e-05),
        f(1.54279763e-08),
    )
    d1, d2, d3, d4 = f(0.467839487), f(0.0261922386), f(0.000342365081), f(8.59878153e-07)

    def rational(x: Any) -> Any:
        x = min(max(x, -bound), bound)
        u = x * x
        return x * ((((n4 * u + n3) * u + n2) * u + n1) * u + n0) / ((((d4 * u + d3) * u + d2) * u + d1) * u + one)

    def library(x: Any) -> Any:
        return math.tanh(x)

    return rational if x in {types.float32, vector} else library


@inner
def sigmoid(x: Any, half: Any) -> Any:
    """Return 1 / (1 + exp(-x)); `half` is 0.5 in the precision of x."""
    return half * tanh(half * x) + half


@inner
def activate(kind: int, a: Any) -> None:
    """Replace the pre-activations a (n,) by the activations f(a)."""
    zero, half = a.dtype.type(0), a.dtype.type(0.5)
    if kind == Activation.TANH:
        for j in spans(a):
            a[j] = tanh(a[j])
    elif kind == Activation.RELU:
        for j in spans(a):
            a[j] = max(a[j], zero)
    elif kind == Activation.SIGMOID:
        for j in spans(a):
            a[j] = sigmoid(a[j], half)


@inner
def activate_backward(kind: int, y: Any, d: Any) -> None:
    """Turn the gradient d (n,) in the activations y (n,) into that in the pre-activations: d <- d f'(a)."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    if kind == Activation.TANH:
        for j in spans(y):
            d[j] *= one - y[j] * y[j]
    elif kind == Activation.RELU:
        for j in range(y.shape[0]):
            d[j] = d[j] if y[j] > zero else zero
    elif kind == Activation.SIGMOID:
        for j in spans(y):
            d[j] *= y[j] * (one - y[j])
