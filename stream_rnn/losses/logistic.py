"""Logistic loss (cross-entropy) of a class z in {0, 1}.

    L = log(1 + e^o) - z o        dL/do = p - z        with the probability of class 1, p = 1 / (1 + e^-o)

Written as max(o, 0) + log(1 + e^-|o|) - z o, L does not overflow.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.losses.loss import distance, loss_gradient, to_forecast


class Logistic(NamedTuple):
    """The logistic loss of one output."""


@loss_gradient.register
def _gradient(loss: Logistic, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - it has no constants
    gradient[0] = 1.0 / (1.0 + math.exp(-o[0])) - z
    return max(o[0], 0.0) + math.log1p(math.exp(-abs(o[0]))) - z * o[0]


@distance.register
def _distance(loss: Logistic, o: Any, point: int, z: float, gradient: Any) -> float:  # noqa: ARG001
    return abs(gradient[0])


@to_forecast.register
def _to_forecast(loss: Logistic, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    out[0] = 1.0 / (1.0 + math.exp(-o[0]))
