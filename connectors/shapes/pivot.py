"""Pivot: readings of one tag each, at the same or nearby times, form one event with an input per tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.shapes.runs import Rows, Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Pivot:
    """Assembles readings, whose times do not decrease within their stream, into events.

    An event begins with the first reading that is in none. It has the readings of its stream up to `tolerance` seconds
    later, but not the second value of a tag at another time, which begins the next event. A reading that is not in the
    event closes it. Of two values for a tag at one time the last is used; the others are counted.

    Parameters
    ----------
    tag, value
        Columns of the readings: number of the tag, and value.
    tags
        Names of the tags, by number; the inputs of the events.
    tolerance
        Seconds.

    Attributes
    ----------
    replaced : int
        Number of values that were replaced by a later one for the same tag and time.

    Examples
    --------
    >>> from stream_rnn.connectors.events import Positions
    >>> batch = EventBatch(
    ...     keys=np.array(["", "", ""], object),
    ...     times=np.array([1.0, 1.0, 2.0]),
    ...     columns={"tag": np.array([0.0, 1.0, 0.0]), "value": np.array([20.5, 3.0, 20.6])},
    ...     ends=np.zeros(3, np.bool_),
    ...     positions=Positions(np.zeros(3, np.int32), np.arange(3)),
    ... )
    >>> pivot = Pivot("tag", "value", tags=["temperature", "load"], tolerance=0.0)
    >>> events, released_by = pivot.process(batch, np.arange(3))
    >>> events.columns, released_by
    ({'temperature': array([20.5]), 'load': array([3.])}, array([2]))
    """

    def __init__(self, tag: str, value: str, tags: Sequence[str], tolerance: float) -> None:
        self._tag, self._value, self._tags, self._tolerance = tag, value, tuple(tags), tolerance
        self.replaced = 0
        self.open = EventBatch.empty((tag, value))
        """Readings of the events that are not closed."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of values that were replaced, by kind."""
        return {"replaced": self.replaced}

    def process(self, readings: EventBatch, released_by: NDArray[np.int64]) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return the events that readings close, with the records that released these (N,), in their order."""
        if not len(readings):
            return EventBatch.empty(self._tags), released_by
        released_by = np.concatenate([np.zeros(len(self.open), np.int64), released_by])
        readings = EventBatch.concat([self.open, readings])
        rows = Rows.of(readings.keys)
        readings = readings[rows.order]
        runs = Runs.of(rows, self._begins(readings, rows))
        used = self._used(readings, runs)
        is_open = runs.open[runs.run]
        kept = used & is_open
        self.open = self._flagged(readings, runs)[kept][np.argsort(rows.order[kept])]
        closed = np.flatnonzero(~runs.open)
        by = rows.order[runs.last[closed] + 1]
        order = np.argsort(by)
        return self._events(readings, runs, used & ~is_open, closed[order]), released_by[by[order]]

    def finish(self) -> EventBatch:
        """Close all events, and return them by (time, arrival)."""
        readings, self.open = self.open, EventBatch.empty((self._tag, self._value))
        rows = Rows.of(readings.keys)
        runs = Runs.of(rows, rows.first)
        readings = readings[rows.order]
        order = np.lexsort((rows.order[runs.start], readings.times[runs.start]))
        return self._events(readings, runs, np.ones(len(readings), np.bool_), order)

    def _begins(self, readings: EventBatch, rows: Rows) -> NDArray[np.bool_]:
        """Return which readings begin an event."""
        times = readings.times
        if not self._tolerance:
            return rows.first | (np.diff(times, prepend=np.nan) != 0.0)
        following = np.minimum(self._first_beyond(times, rows.stream), self._first_repeated(readings, rows))
        begins = np.append(rows.first, False)
        hops = np.append(following, len(times))
        for _ in range(len(times).bit_length()):  # each round doubles the number of events that a hop passes
            begins[hops[np.flatnonzero(begins)]] = True
            hops = hops[hops]
        return begins[:-1]

    def _first_beyond(self, times: NDArray[np.float64], streams: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return for each reading the first one of its stream that is later by more than the tolerance, or its end."""
        values, ranks = np.unique(np.concatenate([times, times + self._tolerance]), return_inverse=True)
        floor = streams * len(values)  # ranks that rise from stream to stream make one sorted array
        return np.searchsorted(floor + ranks[: len(times)], floor + ranks[len(times) :], side="right")

    def _first_repeated(self, readings: EventBatch, rows: Rows) -> NDArray[np.intp]:
        """Return for each reading the first later one that is at another time than one of its tag since the reading."""
        count = len(readings)
        codes = rows.stream * len(self._tags) + readings.columns[self._tag].astype(np.int64)
        order = np.argsort(codes, kind="stable")
        before, after = order[:-1], order[1:]
        repeats = (codes[before] == codes[after]) & (readings.times[before] != readings.times[after])
        repeated = np.full(count, count)
        repeated[before[repeats]] = after[repeats]
        return np.minimum.accumulate(repeated[::-1])[::-1]

    def _used(self, readings: EventBatch, runs: Runs) -> NDArray[np.bool_]:
        """Return which readings (N,) are the last of their tag in their event, and count the others."""
        codes = runs.run * len(self._tags) + readings.columns[self._tag].astype(np.int64)
        order = np.argsort(codes, kind="stable")
        used = np.ones(len(readings), np.bool_)
        used[order[:-1]] = np.diff(codes[order]) != 0
        self.replaced += len(used) - int(used.sum())
        return used

    def _flagged(self, readings: EventBatch, runs: Runs) -> EventBatch:
        """Return the readings with the end flags of their events: a reading that is replaced may have had it."""
        return EventBatch(
            readings.keys, readings.times, readings.columns, runs.any(readings.ends)[runs.run], readings.positions
        )

    def _events(
        self, readings: EventBatch, runs: Runs, used: NDArray[np.bool_], chosen: NDArray[np.intp]
    ) -> EventBatch:
        """Return the events of the chosen runs."""
        place = np.full(len(runs.start), -1)
        place[chosen] = np.arange(len(chosen))
        values = np.full((len(self._tags), len(chosen)), np.nan)
        tags = readings.columns[self._tag][used].astype(np.int64)
        values[tags, place[runs.run[used]]] = readings.columns[self._value][used]
        return EventBatch(
            keys=readings.keys[runs.start[chosen]],
            times=readings.times[runs.start[chosen]],
            columns=dict(zip(self._tags, values, strict=True)),
            ends=runs.any(readings.ends)[chosen],
            positions=readings.positions[runs.last[chosen]],
        )
