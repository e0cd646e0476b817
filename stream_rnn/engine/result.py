"""What became of a batch of events: room for the kernels to write it, and how it is handed back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.compiled.step import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_rnn.engine.drift import Drift
    from stream_rnn.settings.engine import Settings


class Taken(NamedTuple):
    """What became of a batch of events."""

    forecasts: NDArray[np.float64]
    """(N, *forecast_shape)"""
    slots: NDArray[np.int64]
    """(N,) the row of each event's stream"""
    begins: NDArray[np.bool_]
    """(N,) whether the event began a sequence"""
    intervals: NDArray[np.float64] | None = None
    """(N, *forecast_shape, 2) low and high of each forecast, NaN before there is anything to tell them by; None if not
    asked for"""
    anomalies: NDArray[np.float64] | None = None
    """(N,) from 0 to 1 how much each event surprises, NaN where no forecast spoke of it; None if not asked for"""

    drifts: Sequence[Drift] = ()
    """Changes of the streams that were found, in the order of events."""

    def part(self, which: slice) -> Taken:
        """Return what became of some of the events; drifts, which are no column, are left out."""
        columns = (self.forecasts, self.slots, self.begins, self.intervals, self.anomalies)
        return Taken(*(None if column is None else column[which] for column in columns))  # type: ignore[arg-type]


def room(settings: Settings, count: int) -> Outcome:
    """Return room for what comes of so many events."""
    width = math.prod(settings.forecast_shape)
    return Outcome(
        np.empty((count, width)),
        np.empty((count, 0 if settings.interval is None else width, 2)),
        np.empty(count if settings.anomaly else 0),
        np.empty(count, np.bool_),
    )


def taken(settings: Settings, slots: NDArray[np.int64], outcome: Outcome, drifts: Sequence[Drift]) -> Taken:
    """Return what the kernels wrote of events with these slots (N,), each array in its shape."""
    shape = (len(slots), *settings.forecast_shape)
    return Taken(
        outcome.forecasts.reshape(shape),
        slots,
        outcome.begins,
        outcome.intervals.reshape(*shape, 2) if settings.interval is not None else None,
        outcome.scores if settings.anomaly else None,
        drifts,
    )
