"""What a plot needs of a run, in memory that does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.evaluation.prequential import point_forecasts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.jobs.replay.job import Shown
    from stream_rnn.settings.engine import Settings

STREAMS = 256
"""Streams whose newest events are kept: the one to be shown is only known at the end."""
BINS = 2000
"""Points of a curve, at most."""


class Tail(NamedTuple):
    """The newest events of one stream."""

    key: Any
    events: int
    """of the stream in this run"""
    times: NDArray[np.float64]
    """(N,)"""
    values: NDArray[np.float64]
    """(N,) the first target's"""
    near: NDArray[np.float64]
    """(N,) what was forecast of each of these values one event before; for labels, at the event itself, or at the one
    that the lookahead waits for"""
    far: NDArray[np.float64]
    """(N,) what was forecast of each as many events before as the horizon reaches"""
    low: NDArray[np.float64]
    """(N,) where the interval around `near` begins; NaN without intervals"""
    high: NDArray[np.float64]
    """(N,) where it ends"""


class Tails:
    """Keeps the newest events of each stream, and gives those of the one with the most.

    Parameters
    ----------
    settings
        Whose forecasts these are.
    length
        Events to keep.
    """

    def __init__(self, settings: Settings, length: int) -> None:
        labels = settings.task != "forecast"
        self._horizon = 1 if labels else settings.horizon
        self._nearest = -settings.lookahead if labels else 1
        self._targets = len(settings.target_names)
        self._point = point_forecasts(settings)
        self._length = length
        self._kept: dict[int, tuple[Any, int, NDArray[np.float64]]] = {}

    def add(self, shown: Shown) -> None:
        """Take a batch."""
        taken, count = shown.taken, len(shown.batch)
        points = self._point(taken.forecasts).reshape(count, self._horizon, self._targets)
        ends = np.full((count, 2), np.nan)
        if taken.intervals is not None:
            ends = taken.intervals.reshape(count, -1, 2)[:, 0]
        rows = np.column_stack(
            [taken.begins, shown.batch.times, shown.y[:, 0], points[:, -1, 0], points[:, 0, 0], ends]
        )  # (N, 7)
        order = np.argsort(taken.slots, kind="stable")
        for mine in np.split(order, np.flatnonzero(np.diff(taken.slots[order])) + 1):
            slot, key = int(taken.slots[mine[0]]), shown.batch.keys[mine[-1]]
            known = self._kept.get(slot)
            if known is not None and known[0] != key:  # the stream was evicted, another has its slot
                known = None
            if known is None and slot not in self._kept and len(self._kept) >= STREAMS:
                continue
            events, before = (known[1], known[2]) if known is not None else (0, rows[:0])
            newest = np.concatenate([before, rows[mine[-self._keep :]]])[-self._keep :]
            self._kept[slot] = key, events + len(mine), newest

    @property
    def _keep(self) -> int:
        return self._length + self._horizon

    def longest(self) -> Tail | None:
        """Return the newest events of the stream with the most events, or None if there were none."""
        if not self._kept:
            return None
        key, events, rows = max(self._kept.values(), key=lambda kept: kept[1])
        sequence = np.cumsum(rows[:, 0])
        far = _shifted(rows[:, 3], sequence, self._horizon)
        near, low, high = (_shifted(column, sequence, self._nearest) for column in rows[:, 4:].T)
        columns = (rows[:, 1], rows[:, 2], near, far, low, high)
        return Tail(key, events, *(column[-self._length :] for column in columns))


def _shifted(made: NDArray[np.float64], sequence: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
    """Put each forecast at the event that it spoke of, so many on or back; none across the end of a sequence."""
    found = np.full(len(made), np.nan)
    at = np.arange(len(made)) - ahead
    said = np.flatnonzero((at >= 0) & (at < len(made)))
    said = said[sequence[said] == sequence[at[said]]]
    found[said] = made[at[said]]
    return found


class Curve:
    """Sums over equally many events per bin; the bins grow with the run, so that their number does not.

    Parameters
    ----------
    columns
        Sums per bin.
    """

    def __init__(self, columns: int) -> None:
        self.width = 1
        """Events per bin."""
        self._bins = np.zeros((0, columns))
        self._rest = np.zeros((0, columns))

    def add(self, rows: NDArray[np.float64]) -> None:
        """Take a row per event, (N, columns)."""
        self._rest = np.concatenate([self._rest, rows])
        whole = len(self._rest) // self.width * self.width
        folded = self._rest[:whole].reshape(-1, self.width, rows.shape[1]).sum(axis=1)
        self._bins, self._rest = np.concatenate([self._bins, folded]), self._rest[whole:]
        while len(self._bins) > BINS:
            pairs = len(self._bins) // 2 * 2
            left = self._bins[pairs:]
            self._bins = self._bins[:pairs].reshape(-1, 2, rows.shape[1]).sum(axis=1)
            self.width *= 2
            if len(left):  # half a bin: it goes on as the rest
                self._rest = np.concatenate([_spread(left[0], self.width // 2), self._rest])

    def rolling(self, bins: int) -> NDArray[np.float64]:
        """Return the sums over the last `bins` bins at each bin, fewer at the beginning."""
        total = np.concatenate([np.zeros((1, self._bins.shape[1])), np.cumsum(self._bins, axis=0)])
        return total[1:] - total[np.maximum(np.arange(len(self._bins)) + 1 - bins, 0)]

    def __len__(self) -> int:
        return len(self._bins)


def _spread(row: NDArray[np.float64], events: int) -> NDArray[np.float64]:
    """Return so many rows that sum up to `row`."""
    return np.repeat(row[np.newaxis] / events, events, axis=0)
