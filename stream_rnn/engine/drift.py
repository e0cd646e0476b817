"""Drift: detect streams whose error shows that what was learned about them no longer holds, and respond.

The error e of each event is monitored, after it was learned from and before the next event: the distance of the
forecast one event ahead, or of the label (see `losses.loss.distance`). Its size alone says little, because one stream
can be forecast to a hundredth of its deviation and another not at all, so it is measured in units of its running mean:

    r = min(e / max(m, FLOOR), limit)      m <- m + (e - m) / n      n <- f n + 1

with the forgetting factor f and the limit of the running moments. r is passed to river's Page-Hinkley test (Page 1954,
doi:10.1093/biomet/41.1-2.100), which accumulates by how much r exceeds its mean plus `drift_delta`, and reports a drift
when the sum has risen by `drift_threshold` above its minimum, after at least 30 errors. Then the test starts afresh.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from river.drift import PageHinkley

from stream_rnn.learning import rls
from stream_rnn.learning.tbptt import BOOSTED, DONE

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

    from stream_rnn.compiled.state import Rows
    from stream_rnn.engine.build import EngineParts
    from stream_rnn.learning.tbptt import Weights
    from stream_rnn.settings.engine import Settings

FLOOR = 0.01
"""Errors below this many deviations of the stream count as none: doubling them is not a drift."""
ROW = 6
"""Numbers kept for an error: its weight n and mean m, and four of the test."""
MAX_DRIFTS_LISTED = 100
"""Drifts that are listed one by one, the newest."""


class Drift(NamedTuple):
    """A drift that was detected."""

    event: int
    """number of the event at which it was detected, among all events of the engine, counted from 1"""
    key: Hashable
    """stream of this event"""

    def __str__(self) -> str:
        return f"drift in stream {self.key!r}, detected at event {self.event:,}"


class DriftMonitor:
    """Detects drifts of an engine's streams, and responds to them.

    The state of an error is a row of numbers, initially 0, which the caller keeps.

    Parameters
    ----------
    settings
        Those that begin with `drift`, and `scaling_forgetting` and `outlier`.
    parts
        The network whose weights are changed in response.
    """

    def __init__(self, settings: Settings, parts: EngineParts) -> None:
        self.newest: deque[Drift] = deque(maxlen=MAX_DRIFTS_LISTED)
        self.overall = np.zeros(ROW) if settings.drift_scope == "all" else None
        """The row of the error of all streams as one (6,); None where each stream has its own."""
        self._settings = settings
        self._parts = parts
        self._test = PageHinkley(delta=settings.drift_delta, threshold=settings.drift_threshold, mode="up")

    @property
    def rows(self) -> Rows:
        """Shape and dtype of the arrays that are kept for each stream, by name."""
        return {"drift": ((ROW,), np.float64)} if self.overall is None else {}

    def check(self, arrays: Mapping[str, NDArray[Any]], slot: int, new: bool) -> bool:
        """Check the error of the event that a stream has just had; return whether it shows a drift.

        Parameters
        ----------
        arrays
            The stream arrays by name, those of `rows` among them.
        slot
            The stream's row.
        new
            Whether it was the stream's first event.
        """
        if self.overall is not None:
            row = self.overall
        else:
            row = arrays["drift"][slot]
            if new:
                row[:] = 0
        error = float(arrays["miss"][slot])
        return math.isfinite(error) and self.detects(row, error)

    def detects(self, row: NDArray[np.float64], error: float) -> bool:
        """Add an error to a row (6,); return whether it shows a drift, after which the row is 0."""
        weight, mean, *test = row.tolist()
        unit = max(mean if weight else error, FLOOR)
        ratio = min(error / unit, self._settings.outlier)
        weight = self._settings.scaling_forgetting * weight + 1.0
        mean += (ratio * unit - mean) / weight
        _set_state(self._test, test)
        self._test.update(ratio)
        row[:] = 0.0 if self._test.drift_detected else (weight, mean, *_state_of(self._test))
        return self._test.drift_detected

    def respond(self, weights: Weights) -> None:
        """Change the weights as the settings say."""
        action, moments, updates = self._settings.drift, weights.moments, weights.updates
        if action == "boost":
            updates.head[BOOSTED] = self._settings.drift_events
        elif action == "reset_optimizer":
            for part in (*moments, *updates):
                part[:] = 0
            rls.reset_inverse(self._parts.learning.rls, weights.inverse)
            weights.challenger[:] = 0
        elif action == "reset_head":
            weights.params.head[:] = self._parts.initial.head
            moments.head[:] = 0
            updates.head[DONE] = 0
            rls.reset_inverse(self._parts.learning.rls, weights.inverse)
            weights.challenger[:] = 0

    def record(self, event: int, key: Hashable) -> Drift:
        """List a drift among the newest, and return it."""
        self.newest.append(Drift(event, key))
        return self.newest[-1]


def _set_state(test: PageHinkley, state: list[float]) -> None:
    """Set the state of the test, or reset it if all its numbers are 0.

    River has no public way to do so. The test's sums for falling errors are not used here.
    """
    if state[0] == 0:
        test._reset()
    else:
        test._drift_detected = False
        test._x_mean.n, test._x_mean._mean, test._sum_increase, test._min_increase = state


def _state_of(test: PageHinkley) -> tuple[float, float, float, float]:
    """Return the state of a test for rising errors: count and mean of its values, its sum, and the minimum of that."""
    return test._x_mean.n, test._x_mean._mean, test._sum_increase, test._min_increase
