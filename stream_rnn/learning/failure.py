"""Failure: the forecasts of a stream have long been worse than persistence.

The errors e of the forecasts one event ahead, as they were issued, and those of persistence are squared, and averaged
over about `MEMORY` events in which both are known:

    n <- f n + 1      m <- m + (e^2 - m) / n      r = sqrt(m_model / max(m_persistence, FLOOR^2))

A stream fails from the event on at which r has been above `FAILS` for `LASTING` events in a row, and until it has been
below `RECOVERED` as long. The first `MEMORY` events do not count: forecasts have to be learned first.

Errors are in units of the target's usual deviation or change, see `learning.targets`, and clipped like targets,
so that a glitch does not decide for a thousand events. This makes targets comparable, and the error of an event is the
mean over its targets: one network forecasts all of them, and a target by which it fails badly shows in the mean.

They are squared, because most losses are. Where a value seldom changes, such as that of a valve, the best forecast by
its squared error is not its last value, and has the larger absolute error.

The error of a class is 1 if the most likely class is another, and that of persistence if the last class is. Labels are
not judged: they are for events whose label, unlike the last value of a forecast, is not known.
"""

from __future__ import annotations

from typing import Any, Final

from stream_rnn.kernels.jit import inner

WEIGHT, MODEL, PERSISTENCE, RUN, FAILING = range(5)
"""The elements of the state: n; both m; for how many events in a row r has contradicted the last element; 1 if the
stream fails, else 0. All are 0 before the first event."""
STATE_SIZE = 5
"""Length of the state."""

MEMORY: Final = 1000
"""Events over which errors are averaged, and before which a stream does not fail."""
FORGETTING: Final = 1.0 - 1.0 / MEMORY
MIN_WEIGHT: Final = 0.632 * MEMORY
"""n after so many events: 1 - 1/e of its limit."""
LASTING: Final = 500.0
"""Events in a row. With these and the thresholds, no stream of ETT, weather, exchange rates, Beijing and NAB fails with
the default network, alone or by columns; with the preset `linear` three single columns do for a while."""
FAILS, RECOVERED = 1.2, 1.1
"""Values of r. It is 1.00 to 1.05 where there is nothing to learn, as in random walks."""
FLOOR: Final = 0.01
"""Errors below count as none: a value that no longer changes is forecast well enough."""


@inner
def update_failure(state: Any, model: float, persistence: float) -> None:
    """Add the squared errors of an event to the state (STATE_SIZE,) of its stream."""
    state[WEIGHT] = FORGETTING * state[WEIGHT] + 1.0
    share = 1.0 / state[WEIGHT]
    state[MODEL] += share * (model - state[MODEL])
    state[PERSISTENCE] += share * (persistence - state[PERSISTENCE])
    if state[WEIGHT] < MIN_WEIGHT:
        return
    square, reference = state[MODEL], max(state[PERSISTENCE], FLOOR * FLOOR)
    if state[FAILING] == 0.0:
        contradicts = square > FAILS * FAILS * reference
    else:
        contradicts = square < RECOVERED * RECOVERED * reference
    state[RUN] = state[RUN] + 1.0 if contradicts else 0.0
    if state[RUN] >= LASTING:
        state[RUN] = 0.0
        state[FAILING] = 1.0 - state[FAILING]


@inner
def squared_error(forecast: float, y: float, scale: float, limit: float) -> float:
    """Return the squared error of a forecast of y, of values that are multiplied by `scale`, clipped to `limit`."""
    error = scale * abs(y - forecast)
    return error * error if error < limit else limit * limit
