"""The data of a replay's plot, collected during the run in limited memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.evaluation.prequential import point_forecasts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.jobs.replay.job import BatchReport
    from stream_rnn.settings.engine import Settings

MAX_STREAMS = 256
"""Streams whose newest events are kept; which one is shown is known only at the end."""
MAX_BINS = 2000
"""Points of a curve."""


class Excerpt(NamedTuple):
    """The newest N events of one stream, each with the forecasts of it."""

    key: Any
    events: int
    """events of the stream in this run"""
    times: NDArray[np.float64]
    """(N,)"""
    values: NDArray[np.float64]
    """(N,) of the first target"""
    nearest: NDArray[np.float64]
    """(N,) forecast made one event before; for labels, the label given to the event"""
    farthest: NDArray[np.float64]
    """(N,) forecast made `horizon` events before"""
    low: NDArray[np.float64]
    """(N,) lower bound of the prediction interval of `nearest`; NaN without intervals"""
    high: NDArray[np.float64]
    """(N,) upper bound"""


class _StreamRows(NamedTuple):
    """The newest events of a stream while they are collected."""

    key: Any
    events: int
    rows: NDArray[np.float64]
    """(n, 7) begins, time, value, farthest, nearest, low, high; forecasts as they were made at each event"""


class NewestEvents:
    """Keeps the newest events of each stream, and returns those of the stream with the most events.

    Parameters
    ----------
    settings
        Settings of the engine whose forecasts are collected.
    length
        Events to return.
    """

    def __init__(self, settings: Settings, length: int) -> None:
        is_label = settings.task != "forecast"
        self._horizon = 1 if is_label else settings.horizon
        self._nearest_lead = -settings.lookahead if is_label else 1
        self._targets = len(settings.target_names)
        self._point_forecasts = point_forecasts(settings)
        self._length = length
        self._streams: dict[int, _StreamRows] = {}

    def add(self, report: BatchReport) -> None:
        """Add the events of a batch."""
        result, rows = report.result, self._rows(report)
        order = np.argsort(result.slots, kind="stable")
        for events in np.split(order, np.flatnonzero(np.diff(result.slots[order])) + 1):
            self._add_stream(int(result.slots[events[0]]), report.batch.keys[events[-1]], rows[events])

    def longest(self) -> Excerpt | None:
        """Return the newest events of the stream with the most events, or None without events."""
        if not self._streams:
            return None
        key, events, rows = max(self._streams.values(), key=lambda stream: stream.events)
        sequence = np.cumsum(rows[:, 0])
        farthest = _align(rows[:, 3], sequence, self._horizon)
        nearest, low, high = (_align(column, sequence, self._nearest_lead) for column in rows[:, 4:].T)
        columns = (rows[:, 1], rows[:, 2], nearest, farthest, low, high)
        return Excerpt(key, events, *(column[-self._length :] for column in columns))

    def _rows(self, report: BatchReport) -> NDArray[np.float64]:
        result, count = report.result, len(report.batch)
        points = self._point_forecasts(result.forecasts).reshape(count, self._horizon, self._targets)
        bounds = np.full((count, 2), np.nan)
        if result.intervals is not None:
            bounds = result.intervals.reshape(count, -1, 2)[:, 0]
        columns = [result.begins, report.batch.times, report.y[:, 0], points[:, -1, 0], points[:, 0, 0], bounds]
        return np.column_stack(columns)  # (N, 7)

    def _add_stream(self, slot: int, key: Any, rows: NDArray[np.float64]) -> None:
        known = self._streams.get(slot)
        if known is None and len(self._streams) >= MAX_STREAMS:
            return
        if known is None or known.key != key:  # a new stream, also in the slot of one that was evicted
            known = _StreamRows(key, 0, rows[:0])
        keep = self._length + self._horizon
        newest = np.concatenate([known.rows, rows[-keep:]])[-keep:]
        self._streams[slot] = _StreamRows(key, known.events + len(rows), newest)


def _align(forecasts: NDArray[np.float64], sequence: NDArray[np.float64], lead: int) -> NDArray[np.float64]:
    """Move each forecast to the event it refers to, `lead` events later, unless that is in another sequence."""
    aligned = np.full(len(forecasts), np.nan)
    origin = np.arange(len(forecasts)) - lead
    event = np.flatnonzero((origin >= 0) & (origin < len(forecasts)))
    event = event[sequence[event] == sequence[origin[event]]]
    aligned[event] = forecasts[origin[event]]
    return aligned


class BinnedSums:
    """Sums over bins of equally many events; bins grow during the run, so that their number is limited.

    Parameters
    ----------
    columns
        Number of sums per bin.
    """

    def __init__(self, columns: int) -> None:
        self.width = 1
        """Events per bin."""
        self._bins = np.zeros((0, columns))
        self._rest = np.zeros((0, columns))

    def __len__(self) -> int:
        return len(self._bins)

    def add(self, rows: NDArray[np.float64]) -> None:
        """Add a row per event, (N, columns)."""
        self._rest = np.concatenate([self._rest, rows])
        complete = len(self._rest) // self.width * self.width
        sums = self._rest[:complete].reshape(-1, self.width, rows.shape[1]).sum(axis=1)
        self._bins, self._rest = np.concatenate([self._bins, sums]), self._rest[complete:]
        while len(self._bins) > MAX_BINS:
            self._merge_pairs()

    def rolling(self, bins: int) -> NDArray[np.float64]:
        """Return the sums over the last `bins` bins at each bin, fewer at the beginning."""
        total = np.concatenate([np.zeros((1, self._bins.shape[1])), np.cumsum(self._bins, axis=0)])
        return total[1:] - total[np.maximum(np.arange(len(self._bins)) + 1 - bins, 0)]

    def _merge_pairs(self) -> None:
        """Double the width of the bins; a bin without a partner becomes part of the rest."""
        pairs = len(self._bins) // 2 * 2
        unpaired = self._bins[pairs:]
        self._bins = self._bins[:pairs].reshape(-1, 2, self._bins.shape[1]).sum(axis=1)
        self.width *= 2
        if len(unpaired):
            events = self.width // 2
            spread = np.repeat(unpaired / events, events, axis=0)
            self._rest = np.concatenate([spread, self._rest])
