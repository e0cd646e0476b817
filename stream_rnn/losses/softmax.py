"""Softmax loss (cross-entropy) of a class z in {0, 1, ...}, with an output for each class.

With the outputs o_m and the probabilities p_m = e^o_m / sum_k e^o_k:

    L = log(sum_m e^o_m) - o_z        dL/do_m = p_m - [m = z]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.losses.loss import distance, loss_gradient, to_forecast


class Softmax(NamedTuple):
    """The softmax loss of as many outputs as there are classes."""


@inner
def _highest(o: Any) -> float:
    highest = float(o[0])
    for m in range(1, o.shape[0]):
        highest = max(highest, float(o[m]))
    return highest


@loss_gradient.register
def _gradient(loss: Softmax, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - it has no constants
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


@distance.register
def _distance(loss: Softmax, o: Any, point: int, z: float, gradient: Any) -> float:  # noqa: ARG001
    return -gradient[int(z)]


@to_forecast.register
def _to_forecast(loss: Softmax, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    total, highest = 0.0, _highest(o)
    for m in range(o.shape[0]):
        out[m] = math.exp(o[m] - highest)
        total += out[m]
    for m in range(o.shape[0]):
        out[m] /= total
