"""Absolute error. Its optimum is the median.

With the output o and the target z:

    L = |o - z|        dL/do = sign(o - z)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.losses.loss import loss_gradient


class Absolute(NamedTuple):
    """The absolute error of one output."""


@loss_gradient.register
def _gradient(loss: Absolute, o: Any, z: float, gradient: Any) -> float:  # noqa: ARG001 - it has no constants
    residual = o[0] - z
    gradient[0] = math.copysign(1.0, residual) if residual != 0.0 else 0.0
    return abs(residual)
