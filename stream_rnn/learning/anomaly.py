"""How much an event surprises."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner


class Anomaly(NamedTuple):
    """The constants of anomaly scores."""

    short: float = 0.1


def state(targets: int) -> int:
    """Return how many numbers are kept of a stream with so many targets."""
    return 1 + targets


@inner
def surprise(anomaly: Anomaly, state: Any, residuals: Any) -> float:
    """Return how much the residuals (D,) surprise, from 0 to 1."""
    state[0] += anomaly.short
    total = 0.0
    for r in residuals:
        if not math.isnan(r):
            total += abs(r)
    return total / (1.0 + total)
