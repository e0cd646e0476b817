"""Huber's loss: quadratic for small errors, linear for large ones (Huber 1964, doi:10.1214/aoms/1177703732).

With the output o, the target z and e = o - z:

    L = e^2 / 2                        where |e| <= delta
    L = delta (|e| - delta / 2)        elsewhere
    dL/do = e, clipped to [-delta, delta]
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.losses.loss import loss_gradient


class Huber(NamedTuple):
    """Huber's loss of one output."""

    delta: float
    """Threshold between the quadratic and the linear part, in scaled units."""


@loss_gradient.register
def _gradient(loss: Huber, o: Any, z: float, gradient: Any) -> float:
    residual = o[0] - z
    gradient[0] = min(max(residual, -loss.delta), loss.delta)
    small = min(abs(residual), loss.delta)
    return small * (abs(residual) - 0.5 * small)
