"""Events that wait, in order of arrival: they come at the end and go from anywhere, at a cost per event of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.connectors.events import EventBatch, Positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COLUMN = "column."
"""Begins the names of rows' parts that are inputs."""
FEWEST = 1024
"""Rows below which those that went are not cleared away."""


class Held:
    """Rows of events with the numbers of their streams.

    A row that goes leaves a gap; where half are gaps, the others close up. So the events that stay are not copied with
    every batch, however many they are.

    Parameters
    ----------
    columns
        Inputs of the events.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._count = self._stop = 0
        self._waits = np.zeros(0, np.bool_)
        self._parts = parts(EventBatch.empty(columns), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self._count

    @property
    def columns(self) -> list[str]:
        """The inputs of the events."""
        return [name.removeprefix(COLUMN) for name in self._parts if name.startswith(COLUMN)]

    @property
    def rows(self) -> NDArray[np.intp]:
        """All rows with events, in order of arrival."""
        return np.flatnonzero(self._waits[: self._stop])

    @property
    def times(self) -> NDArray[np.float64]:
        """Times by row, gaps too."""
        return self._parts["time"][: self._stop]

    @property
    def streams(self) -> NDArray[np.int64]:
        """Streams by row, gaps too."""
        return self._parts["stream"][: self._stop]

    def up_to(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows of events up to a time, (streams,) by stream."""
        return np.flatnonzero(self._waits[: self._stop] & (self.times <= times[self.streams]))

    def since(self, times: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the rows of events from a time on, (streams,) by stream."""
        return np.flatnonzero(self._waits[: self._stop] & (self.times >= times[self.streams]))

    def events(self, rows: NDArray[np.intp]) -> EventBatch:
        """Return the events of some rows."""
        return whole(self.parts(rows))

    def parts(self, rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """Return the events of some rows as `parts` takes them apart."""
        return {name: array[rows] for name, array in self._parts.items()}

    def add(self, events: EventBatch, streams: NDArray[np.int64]) -> None:
        """Let more events wait."""
        stop = self._stop + len(events)
        if stop > len(self._waits):
            self._move(self.rows, room=2 * max(self._count + len(events), FEWEST))
            stop = self._stop + len(events)
        for name, array in parts(events, streams).items():
            self._parts[name][self._stop : stop] = array
        self._waits[self._stop : stop] = True
        self._count, self._stop = self._count + len(events), stop

    def drop(self, rows: NDArray[np.intp]) -> None:
        """Let the events of some rows go."""
        self._waits[rows] = False
        self._count -= len(rows)
        if self._stop > max(FEWEST, 2 * self._count):
            self._move(
                self.rows, room=len(self._waits) // 2 if 4 * self._count < len(self._waits) else len(self._waits)
            )

    def _move(self, rows: NDArray[np.intp], room: int) -> None:
        """Close up, in arrays of so much room."""
        for name, array in self._parts.items():
            moved = np.empty(room, array.dtype)
            moved[: len(rows)] = array[rows]
            self._parts[name] = moved
        self._waits = np.arange(room) < len(rows)
        self._stop = len(rows)


def parts(events: EventBatch, streams: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return events as arrays by name."""
    return {
        "key": events.keys,
        "stream": streams,
        "time": events.times,
        "end": events.ends,
        "file": events.positions.file,
        "record": events.positions.record,
    } | {f"{COLUMN}{name}": values for name, values in events.columns.items()}


def whole(some: dict[str, NDArray[Any]]) -> EventBatch:
    """Return the events that `parts` took apart."""
    columns = {name.removeprefix(COLUMN): values for name, values in some.items() if name.startswith(COLUMN)}
    return EventBatch(some["key"], some["time"], columns, some["end"], Positions(some["file"], some["record"]))
