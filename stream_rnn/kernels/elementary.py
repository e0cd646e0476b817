"""The exponential function, softplus, sine and cosine in one function, and quotients.

In float32, they are polynomials after range reduction (Cody & Waite 1980; Moshier's Cephes library), accurate to 1e-7
and, unlike the math library's, vectorised. In float64, they are the math library's, because gradients are checked in
float64.

    exp x = 2^k exp r               k = x log2(e) rounded      r = x - k log(2), |r| <= log(2) / 2
    sin x, cos x: by k mod 4        k = 2 x / pi rounded       r = x - k pi / 2, |r| <= pi / 4
    log(1 + e) = 2 atanh s          s = e / (2 + e)            0 <= e <= 1, so that s <= 1/3

Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits of the sum. k times a constant is subtracted in
parts, the first of which is exact. Both depend on the order of the operations, which must not be changed.
"""

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from stream_rnn.kernels.jit import INNER_OPTIONS
from stream_rnn.kernels.spans import estimated_inverse, vector

IN_ORDER = INNER_OPTIONS | {"fastmath": {"contract"}}
"""Options of functions whose operations must not be reordered."""


def exp(x: Any) -> Any:
    """Return e^x of a scalar, in the precision of the scalar; in float32, x is clipped to [-87, 88]."""
    return type(x)(math.exp(x))


@overload(exp, jit_options=IN_ORDER, inline="never")
def _exp(x: Any) -> Any:
    f, i = np.float32, np.int32
    low, high, one, per_log2, rounder = f(-87), f(88), f(1), f(1 / math.log(2)), f(1.5 * 2**23)
    log2, log2_rest = f(0.693359375), f(-2.12194440e-4)
    p2, p3, p4, p5, p6, p7 = (
        f(5.0000001201e-1),
        f(1.6666665459e-1),
        f(4.1665795894e-2),
        f(8.3334519073e-3),
        f(1.3981999507e-3),
        f(1.9875691500e-4),
    )
    to_exponent, exponent_of_one = i(23), i(127 << 23)

    def polynomial(x: Any) -> Any:
        x = min(max(x, low), high)
        rounded = f(x * per_log2 + rounder)
        k = rounded - rounder
        r = x - k * log2 - k * log2_rest
        e = (((((p7 * r + p6) * r + p5) * r + p4) * r + p3) * r + p2) * r * r + r + one
        bits = i((i(rounded.view(np.int32)) << to_exponent) + exponent_of_one)
        return e * bits.view(np.float32)

    def library(x: Any) -> Any:
        return math.exp(x)

    return polynomial if x == types.float32 else library


def softplus(x: Any) -> Any:
    """Return log(1 + e^x) of a scalar, in the precision of the scalar."""
    return type(x)(max(x, 0) + math.log1p(math.exp(-abs(x))))


@overload(softplus, jit_options=IN_ORDER, inline="never")
def _softplus(x: Any) -> Any:
    f = np.float32
    zero, one, two = f(0), f(1), f(2)
    p1, p2, p3, p4 = f(0.3333331983), f(0.2000383545), f(0.1411697758), f(0.1343377665)

    def polynomial(x: Any) -> Any:
        e = exp(-abs(x))
        s = e / (two + e)
        u = s * s
        return max(x, zero) + two * s * ((((p4 * u + p3) * u + p2) * u + p1) * u + one)

    def library(x: Any) -> Any:
        return max(x, 0.0) + math.log1p(math.exp(-abs(x)))

    return polynomial if x == types.float32 else library


def sin_cos(x: Any) -> Any:
    """Return sine and cosine of a scalar, in the precision of the scalar; in float32, |x| must be at most 10,000."""
    return type(x)(math.sin(x)), type(x)(math.cos(x))


@overload(sin_cos, jit_options=IN_ORDER, inline="never")
def _sin_cos(x: Any) -> Any:
    f, i = np.float32, np.int32
    half, one, per_quarter, rounder = f(0.5), f(1), f(2 / math.pi), f(1.5 * 2**23)
    quarter, quarter_rest, quarter_last = f(1.5703125), f(4.837512969970703e-4), f(7.549789954891e-8)
    s3, s5, s7 = f(-1.6666654611e-1), f(8.3321608736e-3), f(-1.9515295891e-4)
    c4, c6, c8 = f(4.166664568298827e-2), f(-1.388731625493765e-3), f(2.443315711809948e-5)
    odd, upper = i(1), i(2)

    def polynomial(x: Any) -> Any:
        rounded = f(x * per_quarter + rounder)
        k = rounded - rounder
        r = x - k * quarter - k * quarter_rest - k * quarter_last
        u = r * r
        s = ((s7 * u + s5) * u + s3) * u * r + r
        c = ((c8 * u + c6) * u + c4) * u * u - half * u + one
        quadrant = i(rounded.view(np.int32))
        swapped = (quadrant & odd) != 0
        s, c = (c, s) if swapped else (s, c)
        return (-s if quadrant & upper else s), (-c if (quadrant + odd) & upper else c)

    def library(x: Any) -> Any:
        return math.sin(x), math.cos(x)

    return polynomial if x == types.float32 else library


def quotient(a: Any, b: Any) -> Any:
    """Return a / b of scalars or vectors, where b is positive and finite.

    For vectors of a span, a step of Newton's method from the processor's estimate of 1 / b has an error of 1e-7, too.
    A processor divides vectors one after the other, which takes longer than all the rest of an optimizer's step.
    """
    return a / b


@overload(quotient, jit_options=IN_ORDER, inline="never")
def _quotient(a: Any, b: Any) -> Any:  # noqa: ARG001 - the signature of the function
    one, smallest = np.float32(1), np.finfo(np.float32).tiny

    def newton(a: Any, b: Any) -> Any:
        b = max(b, smallest)
        inverse = estimated_inverse(b)
        return a * (inverse + inverse * (one - b * inverse))

    def division(a: Any, b: Any) -> Any:
        return a / b

    return newton if b == vector else division
