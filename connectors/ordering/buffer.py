"""EventBuffer: events that are held back, in order of arrival."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.connectors.events import EventBatch, Positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

INPUT_PREFIX = "column."
"""Starts the names of the arrays that are inputs."""
MIN_CAPACITY = 1024
"""Maximum number of rows at which gaps are not removed."""


class EventBuffer:
    """Events with the numbers of their streams, in rows by order of arrival.

    Events are appended at the end and removed from anywhere. A removed event leaves a gap; when half of the rows are
    gaps, the others close up. So the events that stay are not copied with every batch, however many they are.

    Parameters
    ----------
    columns
        Names of the inputs.

    Examples
    --------
    >>> buffer = EventBuffer(["x"])
    >>> batch = EventBatch(
    ...     keys=np.array(["a", "b"], object),
    ...     times=np.array([2.0, 1.0]),
    ...     columns={"x": np.array([0.1, 0.2])},
    ...     ends=np.zeros(2, np.bool_),
    ...     positions=Positions(np.zeros(2, np.int32), np.arange(2)),
    ... )
    >>> buffer.add(batch, streams=np.array([0, 1]))
    >>> buffer.remove(np.array([0]))
    >>> len(buffer), buffer.events(buffer.rows).keys
    (1, array(['b'], dtype=object))
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._count = 0
        self._end = 0  # the row after the last one in use
        self._occupied = np.zeros(0, np.bool_)
        self._arrays = to_arrays(EventBatch.empty(columns), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self._count

    @property
    def columns(self) -> list[str]:
        """Names of the inputs."""
        return input_names(self._arrays)

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows that hold events, in order of arrival."""
        return np.flatnonzero(self._occupied[: self._end])

    @property
    def times(self) -> NDArray[np.float64]:
        """(rows,) times, also of gaps."""
        return self._arrays["time"][: self._end]

    @property
    def streams(self) -> NDArray[np.int64]:
        """(rows,) numbers of the streams, also of gaps."""
        return self._arrays["stream"][: self._end]

    @property
    def records(self) -> NDArray[np.int64]:
        """(rows,) records, also of gaps."""
        return self._arrays["record"][: self._end]

    def rows_until(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows of the events up to a time (streams,) of their stream."""
        return np.flatnonzero(self._occupied[: self._end] & (self.times <= times[self.streams]))

    def rows_since(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows of the events from a time (streams,) of their stream on."""
        return np.flatnonzero(self._occupied[: self._end] & (self.times >= times[self.streams]))

    def events(self, rows: NDArray[np.intp]) -> EventBatch:
        """Return the events of these rows."""
        return from_arrays(self.arrays(rows))

    def arrays(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return the events of these rows as `to_arrays` returns them."""
        return {name: array[rows] for name, array in self._arrays.items()}

    def add(self, events: EventBatch, streams: NDArray[np.int64]) -> None:
        """Append events with the numbers of their streams (N,)."""
        if self._end + len(events) > len(self._occupied):
            self._compact(capacity=2 * max(self._count + len(events), MIN_CAPACITY))
        start, self._end = self._end, self._end + len(events)
        for name, array in to_arrays(events, streams).items():
            self._arrays[name][start : self._end] = array
        self._occupied[start : self._end] = True
        self._count += len(events)

    def remove(self, rows: NDArray[np.intp]) -> None:
        """Remove the events of these rows."""
        self._occupied[rows] = False
        self._count -= len(rows)
        if self._end > max(MIN_CAPACITY, 2 * self._count):
            capacity = len(self._occupied)
            self._compact(capacity=capacity // 2 if 4 * self._count < capacity else capacity)

    def _compact(self, capacity: int) -> None:
        """Remove the gaps, and allocate the given number of rows."""
        rows = self.rows
        for name, array in self._arrays.items():
            resized = np.empty(capacity, array.dtype)
            resized[: len(rows)] = array[rows]
            self._arrays[name] = resized
        self._occupied = np.arange(capacity) < len(rows)
        self._end = len(rows)


def to_arrays(events: EventBatch, streams: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return events, and the numbers of their streams (N,), as arrays by name."""
    return {
        "key": events.keys,
        "stream": streams,
        "time": events.times,
        "end": events.ends,
        "file": events.positions.file,
        "record": events.positions.record,
        "element": events.positions.element_numbers,
    } | {f"{INPUT_PREFIX}{name}": values for name, values in events.columns.items()}


def from_arrays(arrays: dict[str, NDArray[Any]]) -> EventBatch:
    """Return the events that `to_arrays` turned into arrays."""
    columns = {name: arrays[f"{INPUT_PREFIX}{name}"] for name in input_names(arrays)}
    element = arrays.get("element")  # older checkpoints do not have it
    if element is not None and not element.any():
        element = None
    positions = Positions(arrays["file"], arrays["record"], element)
    return EventBatch(arrays["key"], arrays["time"], columns, arrays["end"], positions)


def input_names(arrays: dict[str, NDArray[Any]]) -> list[str]:
    """Return the names of the inputs among the arrays of `to_arrays`."""
    return [name.removeprefix(INPUT_PREFIX) for name in arrays if name.startswith(INPUT_PREFIX)]
