"""Resample: the events of a stream in each cell of a grid of times become one event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.shapes.runs import Rows, Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MICROSECONDS = 1e6
"""Cells are computed in whole microseconds, since 0.3 is in the third cell of 0.1 seconds."""


class Resample:
    """Resamples events, whose times do not decrease within their stream, to a grid.

    A cell is closed by the first event of its stream after it. Its time is its start, a multiple of `every` since
    1970-01-01 UTC. Each input is the last, or the mean, of its values in the cell, and missing without any. Cells
    without events become events with missing values; where there are more than `max_gap` of them, or the sequence has
    ended, there are none: the sequence ends before the gap.

    Parameters
    ----------
    columns
        Names of the inputs.
    every
        Seconds of a cell.
    aggregate
        ``last`` or ``mean``.
    max_gap
        Most cells without events that become events.

    Attributes
    ----------
    filled : int
        Number of events for cells without events.
    gaps : int
        Number of gaps that ended a sequence.

    Examples
    --------
    >>> from stream_rnn.connectors.events import Positions
    >>> batch = EventBatch(
    ...     keys=np.full(4, "", object),
    ...     times=np.array([0.0, 50.0, 70.0, 200.0]),
    ...     columns={"x": np.array([1.0, 3.0, 5.0, 7.0])},
    ...     ends=np.zeros(4, np.bool_),
    ...     positions=Positions(np.zeros(4, np.int32), np.arange(4)),
    ... )
    >>> events, released_by = Resample(["x"], every=60.0, aggregate="mean", max_gap=10).process(batch, np.arange(4))
    >>> events.times, events.columns["x"], released_by
    (array([  0.,  60., 120.]), array([ 2.,  5., nan]), array([2, 3, 3]))
    """

    def __init__(self, columns: Sequence[str], every: float, aggregate: Literal["last", "mean"], max_gap: int) -> None:
        self._columns, self._aggregate, self._max_gap = tuple(columns), aggregate, max_gap
        self._step = round(every * MICROSECONDS)
        self.filled = 0
        self.gaps = 0
        counts = map(_count_of, self._columns) if aggregate == "mean" else ()
        self.open = EventBatch.empty((*self._columns, *counts))
        """A row for each cell that is not closed: of each input the last value, or the sum and number of its values."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of events and sequences that a gap made, by kind."""
        return {"filled": self.filled, "gaps": self.gaps}

    def process(self, events: EventBatch, released_by: NDArray[np.int64]) -> tuple[EventBatch, NDArray[np.int64]]:
        """Return the events of the cells that events close, with the records that released these (N,), in order."""
        if not len(events):
            return EventBatch.empty(self._columns), released_by
        released_by = np.concatenate([np.zeros(len(self.open), np.int64), released_by])
        events = EventBatch.concat([self.open, self._counted(events)])
        rows = Rows.of(events.keys)
        events = events[rows.order]
        cells = np.round(events.times * MICROSECONDS).astype(np.int64) // self._step
        runs = Runs.of(rows, rows.first | (np.diff(cells, prepend=0) != 0))
        cells = cells[runs.start]
        merged = self._merged(events, runs, cells * self._step / MICROSECONDS)
        is_open = np.flatnonzero(runs.open)
        self.open = merged[is_open[np.argsort(rows.order[runs.start[is_open]])]]

        closed = np.flatnonzero(~runs.open)
        closed = closed[np.argsort(rows.order[runs.start[closed + 1]])]
        gap = cells[closed + 1] - cells[closed] - 1
        is_long = (gap > self._max_gap) & ~merged.ends[closed]
        merged.ends[closed[is_long]] = True
        filled = np.where(merged.ends[closed], 0, gap)
        self.gaps += int(is_long.sum())
        self.filled += int(filled.sum())
        closer = runs.start[closed + 1]
        resampled = self._with_gaps(self._finished(merged[closed]), filled, events.positions[closer])
        return resampled, np.repeat(released_by[rows.order[closer]], 1 + filled)

    def finish(self) -> EventBatch:
        """Close all cells, and return their events by (time, arrival)."""
        merged, self.open = self.open, self.open[:0]
        return self._finished(merged[np.argsort(merged.times, kind="stable")])

    def _counted(self, events: EventBatch) -> EventBatch:
        """Return events with the number of values of each input, if that is needed."""
        if self._aggregate == "last":
            return events
        counts = {_count_of(name): (~np.isnan(values)).astype(np.float64) for name, values in events.columns.items()}
        return EventBatch(events.keys, events.times, events.columns | counts, events.ends, events.positions)

    def _merged(self, events: EventBatch, runs: Runs, times: NDArray[np.float64]) -> EventBatch:
        """Return a row for each cell (G,), at its time."""
        merge = _last if self._aggregate == "last" else _sum
        return EventBatch(
            keys=events.keys[runs.start],
            times=times,
            columns={name: merge(values, runs) for name, values in events.columns.items()},
            ends=runs.any(events.ends),
            positions=events.positions[runs.last],
        )

    def _finished(self, cells: EventBatch) -> EventBatch:
        """Return the events of cells."""
        columns = {name: cells.columns[name] for name in self._columns}
        if self._aggregate == "mean":
            for name, total in columns.items():
                count = cells.columns[_count_of(name)]
                columns[name] = np.divide(total, count, out=np.full(len(cells), np.nan), where=count > 0)
        return EventBatch(cells.keys, cells.times, columns, cells.ends, cells.positions)

    def _with_gaps(self, events: EventBatch, filled: NDArray[np.int64], closers: Positions) -> EventBatch:
        """Insert `filled` (N,) events with missing values after each event (N,), at the positions of `closers`."""
        of = np.repeat(np.arange(len(events)), 1 + filled)
        steps = np.arange(len(of)) - np.repeat(np.cumsum(1 + filled) - 1 - filled, 1 + filled)
        inserted = steps > 0
        times = np.round(events.times[of] * MICROSECONDS).astype(np.int64) + steps * self._step
        return EventBatch(
            keys=events.keys[of],
            times=times / MICROSECONDS,
            columns={name: np.where(inserted, np.nan, values[of]) for name, values in events.columns.items()},
            ends=events.ends[of] & ~inserted,
            positions=Positions(
                np.where(inserted, closers.file[of], events.positions.file[of]),
                np.where(inserted, closers.record[of], events.positions.record[of]),
                np.where(inserted, closers.element_numbers[of], events.positions.element_numbers[of]),
            ),
        )


def _last(values: NDArray[np.float64], runs: Runs) -> NDArray[np.float64]:
    """Return the last value (G,) of each run of values (N,) that is not missing."""
    place = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))[runs.last]
    return np.where(place >= runs.start, values[place], np.nan)


def _sum(values: NDArray[np.float64], runs: Runs) -> NDArray[np.float64]:
    """Return the sum (G,) of each run of values (N,): one after another, so that it does not depend on batches."""
    return np.bincount(runs.run, np.nan_to_num(values, nan=0.0), len(runs.start)).astype(np.float64)


def _count_of(name: str) -> str:
    """Return the column with the number of an input's values."""
    return f"count of {name}"
