"""Drift: streams that change, so that what was learned of them no longer holds, and what is done about it.

Each event's error e is watched, after it was learned from and before the next event: by how much the forecast one event
ahead, or the label, missed (`losses.miss`). Its size says little of a change, because one stream is forecast to a
hundredth of its deviation and another not at all, so it is watched in units of its own running mean:

    r = min(e / max(m, FLOOR), limit)      m <- m + (e - m) / n      n <- f n + 1

with the forgetting f and the limit of the running scales. r is handed to the Page-Hinkley test (Page 1954,
doi:10.1093/biomet/41.1-2.100; river's), which adds up by how much r exceeds its mean and `drift_delta`, and finds a
drift where the sum has risen by `drift_threshold` since it was lowest, after 30 errors at the earliest. Then all that
is known of the error is forgotten.
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

    from stream_rnn.engine.build import Assembly, Rows
    from stream_rnn.learning.tbptt import Weights
    from stream_rnn.settings.engine import Settings

FLOOR = 0.01
"""Errors below it, in deviations of the stream, are as good as none: what doubles them is no drift."""
ROW = 6
"""Numbers that are kept of an error: its weight n and mean m, and four of the test's."""
KEPT = 100
"""Drifts that are remembered one by one, the newest."""


class Drift(NamedTuple):
    """A change of a stream that was found."""

    event: int
    """Of all streams' events since the engine began, the number of the one at which it was found, from 1 on."""
    key: Hashable
    """The stream of this event."""

    def __str__(self) -> str:
        return f"stream {self.key!r} has changed, seen at event {self.event:,}"


class Watch:
    """Finds drifts of an engine's streams, and answers them.

    What is known of an error is a row of numbers, 0 where nothing is, which the caller keeps.

    Parameters
    ----------
    settings
        Those that begin with `drift`, and `scaling_forgetting` and `outlier`.
    assembly
        The network whose weights are acted on.
    """

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.newest: deque[Drift] = deque(maxlen=KEPT)
        self.overall = np.zeros(ROW) if settings.drift_scope == "all" else None
        """The row of all streams' errors as one (6,); None where each stream has its own."""
        self._settings = settings
        self._assembly = assembly
        self._test = PageHinkley(delta=settings.drift_delta, threshold=settings.drift_threshold, mode="up")

    @property
    def rows(self) -> Rows:
        """Shape and type of what has to be kept of each stream, by name."""
        return {"drift": ((ROW,), np.float64)} if self.overall is None else {}

    def look(self, arenas: Mapping[str, NDArray[Any]], slot: int, new: bool) -> bool:
        """Look at the error of the event that a stream had just now; return whether it shows a drift.

        Parameters
        ----------
        arenas
            All streams' rows by name, those of `rows` among them.
        slot
            The stream's row.
        new
            Whether it was its first event, so that nothing is known of its error.
        """
        if self.overall is not None:
            row = self.overall
        else:
            row = arenas["drift"][slot]
            if new:
                row[:] = 0
        error = float(arenas["miss"][slot])
        return math.isfinite(error) and self.finds(row, error)

    def finds(self, row: NDArray[np.float64], error: float) -> bool:
        """Take an error into a row (6,); return whether it shows a drift. The row is then 0."""
        weight, mean, *known = row.tolist()
        unit = max(mean if weight else error, FLOOR)
        ratio = min(error / unit, self._settings.outlier)
        weight = self._settings.scaling_forgetting * weight + 1.0
        mean += (ratio * unit - mean) / weight
        _recall(self._test, known)
        self._test.update(ratio)
        row[:] = 0.0 if self._test.drift_detected else (weight, mean, *_known(self._test))
        return self._test.drift_detected

    def answer(self, weights: Weights) -> None:
        """Do with the weights what the settings say."""
        action, moments, updates = self._settings.drift, weights.moments, weights.updates
        if action == "boost":
            updates.head[BOOSTED] = self._settings.drift_events
        elif action == "reset_optimizer":
            for part in (*moments, *updates):
                part[:] = 0
            rls.begin(self._assembly.learner.rls, weights.inverse)
        elif action == "reset_head":
            weights.params.head[:] = self._assembly.initial.head
            moments.head[:] = 0
            updates.head[DONE] = 0
            rls.begin(self._assembly.learner.rls, weights.inverse)

    def note(self, event: int, key: Hashable) -> Drift:
        """Return a drift, and remember it for a while."""
        self.newest.append(Drift(event, key))
        return self.newest[-1]


def _recall(test: PageHinkley, known: list[float]) -> None:
    """Make the test one that knows what `_known` gave, or nothing if all is 0.

    River has no public way to take a test up again; its sums for falling errors are of no use here.
    """
    if known[0] == 0:
        test._reset()
    else:
        test._drift_detected = False
        test._x_mean.n, test._x_mean._mean, test._sum_increase, test._min_increase = known


def _known(test: PageHinkley) -> tuple[float, float, float, float]:
    """Return all that a test for rising errors goes by: number and mean of what it saw, its sum, and the lowest."""
    return test._x_mean.n, test._x_mean._mean, test._sum_increase, test._min_increase
