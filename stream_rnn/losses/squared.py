"""Squared error. Its optimum is the mean.

With the output o and the target z:

    L = (o - z)^2        dL/do = 2 (o - z)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.losses.loss import loss_gradient


class Squared(NamedTuple):
    """The squared error of one output."""


@loss_gradient.register
def _gradient(loss: Squared, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - it has no constants
    residual = o[0] - z
    gradient[0] = 2.0 * residual
    return residual * residual
