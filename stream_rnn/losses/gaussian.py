"""Negative log-likelihood of a normal distribution (Nix & Weigend 1994, doi:10.1109/ICNN.1994.374138).

With outputs o, the mean, and s, the log variance:

    L = (s + (o - z)^2 / e^s) / 2
    dL/do = (o - z) / e^s        dL/ds = (1 - (o - z)^2 / e^s) / 2

s is clipped to [-10, 10]; where it is clipped, dL/ds is 0. The forecast of a target is its mean and its variance.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.losses.loss import loss_gradient, to_forecast

MAX_LOG_VARIANCE = 10.0
"""A factor of e^20 between the smallest and the largest variance is enough."""


class GaussianNLL(NamedTuple):
    """The Gaussian negative log-likelihood of two outputs."""


@loss_gradient.register
def _gradient(loss: GaussianNLL, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - it has no constants
    residual = o[0] - z
    s = log_variance(o[1])
    precision = math.exp(-s)
    gradient[0] = residual * precision
    free = abs(o[1]) <= MAX_LOG_VARIANCE
    gradient[1] = 0.5 * (1.0 - residual * residual * precision) if free else 0.0
    return 0.5 * (s + residual * residual * precision)


@to_forecast.register
def _to_forecast(loss: GaussianNLL, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    out[0] = centre + scale * o[0]
    out[1] = scale * scale * math.exp(log_variance(o[1]))


@inner
def log_variance(s: float) -> float:
    """Return a log variance, clipped to its bounds."""
    return min(max(s, -MAX_LOG_VARIANCE), MAX_LOG_VARIANCE)
