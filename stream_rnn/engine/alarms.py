"""Alarms of streams whose forecasts have long been worse than persistence; see `learning.failure`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.stream_table import plain_key
from stream_rnn.learning.failure import FAILING, FLOOR, MIN_WEIGHT, MODEL, PERSISTENCE, WEIGHT

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray


class Alarm(NamedTuple):
    """A stream begins to fail, or recovers."""

    event: int
    """number of the event at which it begins to fail or recovers, among all events of the engine, counted from 1"""
    key: Hashable
    """stream of this event"""
    raised: bool
    """True where the stream begins to fail, False where it recovers"""

    def __str__(self) -> str:
        if not self.raised:
            return f"alarm in stream {self.key!r} cleared at event {self.event:,}"
        what = "its forecasts have been worse than persistence for long"
        return f"alarm in stream {self.key!r} at event {self.event:,}: {what}"


def alarms_of(changes: NDArray[np.int8], keys: Sequence[Hashable] | NDArray[Any], processed: int) -> list[Alarm]:
    """Return the alarms of N events.

    Parameters
    ----------
    changes
        `OutputBuffers.alarms` of these events.
    keys
        Stream of each event, (N,).
    processed
        Number of events before them.

    Examples
    --------
    >>> alarms_of(np.array([0, 1, -1], np.int8), ["a", "b", "c"], processed=10)
    [Alarm(event=12, key='b', raised=True), Alarm(event=13, key='c', raised=False)]
    """
    return [
        Alarm(processed + 1 + i, plain_key(keys[i]), bool(changes[i] > 0)) for i in np.flatnonzero(changes).tolist()
    ]


def failing_rows(states: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which of the states (N, STATE_SIZE) belong to failing streams; none if STATE_SIZE is 0, as for labels."""
    return np.flatnonzero(states[:, FAILING]) if states.shape[1] else np.zeros(0, np.int64)


def relative_error(state: NDArray[np.float64]) -> float:
    """Return the relative error r of a state (STATE_SIZE,); NaN in the first events, and for an empty state."""
    if not len(state) or state[WEIGHT] < MIN_WEIGHT:
        return math.nan
    return math.sqrt(state[MODEL] / max(state[PERSISTENCE], FLOOR * FLOOR))
