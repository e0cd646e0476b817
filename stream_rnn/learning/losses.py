"""Losses of one target z, each with its gradient in the network's outputs o.

squared       (o - z)^2
absolute      |o - z|
huber         (o - z)^2 / 2 where |o - z| <= delta, delta (|o - z| - delta / 2) elsewhere (Huber 1964)
quantile      sum over levels q of max(q (z - o_q), (q - 1)(z - o_q)), the pinball loss (Koenker & Bassett 1978)
gaussian_nll  (s + (o - z)^2 / e^s) / 2 with outputs o and s = log variance (Nix & Weigend 1994)
logistic      log(1 + e^o) - z o for z in {0, 1}
softmax       log(sum e^o) - o_z for a class z
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner


class LossKind(IntEnum):
    """The losses that a network can be asked for, by name."""

    SQUARED = 0
    ABSOLUTE = 1
    HUBER = 2
    QUANTILE = 3
    GAUSSIAN_NLL = 4
    LOGISTIC = 5
    SOFTMAX = 6


class Loss(NamedTuple):
    """A loss and its constants."""

    kind: int
    delta: float
    """Where Huber's loss turns from square to straight."""
    levels: Any
    """The quantile loss's levels, ascending (n,); empty for the other losses."""


LOG_VARIANCE_BOUND = 10.0
"""The Gaussian's log variance is held in [-10, 10]: e^20 between the narrowest and the widest is enough."""


@inner
def loss_gradient(loss: Loss, o: Any, z: float, gradient: Any) -> float:  # noqa: PLR0911 - one per loss
    """Write dL/do to `gradient` (m,) and return L, for the outputs o (m,) of one target z.

    m is 1, or the number of levels (quantile), 2 (gaussian_nll), the number of classes (softmax).
    """
    if loss.kind == LossKind.SOFTMAX:
        return _softmax(o, z, gradient)
    if loss.kind == LossKind.QUANTILE:
        value = 0.0
        for m in range(o.shape[0]):
            q = loss.levels[m]
            residual = z - o[m]
            gradient[m] = -q if residual > 0.0 else 1.0 - q
            value += max(q * residual, (q - 1.0) * residual)
        return value
    residual = o[0] - z
    if loss.kind == LossKind.SQUARED:
        gradient[0] = 2.0 * residual
        return residual * residual
    if loss.kind == LossKind.ABSOLUTE:
        gradient[0] = math.copysign(1.0, residual) if residual != 0.0 else 0.0
        return abs(residual)
    if loss.kind == LossKind.HUBER:
        gradient[0] = min(max(residual, -loss.delta), loss.delta)
        small = min(abs(residual), loss.delta)
        return small * (abs(residual) - 0.5 * small)
    if loss.kind == LossKind.GAUSSIAN_NLL:
        s = log_variance(o[1])
        precision = math.exp(-s)
        gradient[0] = residual * precision
        free = abs(o[1]) <= LOG_VARIANCE_BOUND
        gradient[1] = 0.5 * (1.0 - residual * residual * precision) if free else 0.0
        return 0.5 * (s + residual * residual * precision)
    # logistic; log(1 + e^o) = max(o, 0) + log(1 + e^-|o|) does not overflow
    gradient[0] = 1.0 / (1.0 + math.exp(-o[0])) - z
    return max(o[0], 0.0) + math.log1p(math.exp(-abs(o[0]))) - z * o[0]


@inner
def miss(loss: Loss, o: Any, point: int, z: float, gradient: Any) -> float:
    """Return by how much the outputs o (m,) missed the target z, from the loss's gradient in them.

    That is |o_point - z| for numbers, and the probability that was not given to the class that came.
    """
    if loss.kind == LossKind.SOFTMAX:
        return -gradient[int(z)]
    if loss.kind == LossKind.LOGISTIC:
        return abs(gradient[0])
    return abs(o[point] - z)


@inner
def log_variance(s: float) -> float:
    """Return a Gaussian output's log variance, held within its bound."""
    return min(max(s, -LOG_VARIANCE_BOUND), LOG_VARIANCE_BOUND)


@inner
def _softmax(o: Any, z: float, gradient: Any) -> float:
    highest = o[0]
    for m in range(1, o.shape[0]):
        highest = max(highest, o[m])
    total = 0.0
    for m in range(o.shape[0]):
        total += math.exp(o[m] - highest)
    for m in range(o.shape[0]):
        gradient[m] = math.exp(o[m] - highest) / total
    gradient[int(z)] -= 1.0
    return math.log(total) + highest - o[int(z)]
