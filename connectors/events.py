"""The nouns that every connector hands over: a batch of events, where each came from, what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Selection = slice | NDArray[np.intp] | NDArray[np.bool_]

RAW_LIMIT = 1000  # characters of a refused record that are kept: enough to recognise it, never a whole file


@dataclass(frozen=True, slots=True)
class Positions:
    """Where each event of a batch was read.

    Parameters
    ----------
    file : (N,) int32
        Index into the source's list of files (or partitions).
    record : (N,) int64
        Number of the record in that file, from 0; headers and blank lines are not records (an offset, for a
        partition).
    """

    file: NDArray[np.int32]
    record: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.record)

    def __getitem__(self, which: Selection) -> Positions:
        return Positions(self.file[which], self.record[which])


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events in arrival order, column by column.

    Parameters
    ----------
    keys : (N,) object
        The stream of each event, a `str` or an `int`. Files always give `str`, so that a stream has the same
        key in CSV, JSON and Parquet; a file without a key column gives the one key `""`.
    times : (N,) float64
        Seconds since 1970-01-01 UTC, NaN where the source has no time.
    columns : dict of (N,) float64
        Named inputs, NaN where a value is missing. Never infinite.
    ends : (N,) bool
        True at the last event of a sequence.
    positions : Positions
        Where each event was read.
    """

    keys: NDArray[np.object_]
    times: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]
    ends: NDArray[np.bool_]
    positions: Positions

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, which: Selection) -> EventBatch:
        """Give the selected events: a slice is a view, an index or a mask is a copy."""
        return EventBatch(
            self.keys[which],
            self.times[which],
            {name: values[which] for name, values in self.columns.items()},
            self.ends[which],
            self.positions[which],
        )

    def table(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Give the columns of these names, if any, side by side, (N, names)."""
        found = np.empty((len(self), len(names)))
        for place, name in enumerate(names):
            found[:, place] = self.columns[name]
        return found

    def take(self, start: int, stop: int) -> EventBatch:
        """Give the events from `start` up to `stop`, without copying."""
        return self[start:stop]

    def split(self, size: int) -> Iterator[EventBatch]:
        """Cut into batches of at most `size` events, without copying."""
        if len(self) <= size:
            yield self
            return
        for start in range(0, len(self), size):
            yield self[start : start + size]

    @staticmethod
    def empty(names: Sequence[str] = ()) -> EventBatch:
        """Make a batch of no events with the given columns."""
        none = np.zeros(0)
        positions = Positions(np.zeros(0, np.int32), np.zeros(0, np.int64))
        return EventBatch(np.zeros(0, object), none, dict.fromkeys(names, none), np.zeros(0, np.bool_), positions)

    @staticmethod
    def concat(batches: Sequence[EventBatch]) -> EventBatch:
        """Join batches that have the same columns, in order.

        Raises
        ------
        ValueError
            When there is no batch: its columns would be unknown.
        """
        if not batches:
            raise ValueError("concat needs at least one batch, got none")
        if len(batches) == 1:
            return batches[0]

        def join(parts: list[NDArray[Any]]) -> NDArray[Any]:
            return np.concatenate(parts)

        return EventBatch(
            join([batch.keys for batch in batches]),
            join([batch.times for batch in batches]),
            {name: join([batch.columns[name] for batch in batches]) for name in batches[0].columns},
            join([batch.ends for batch in batches]),
            Positions(
                join([batch.positions.file for batch in batches]),
                join([batch.positions.record for batch in batches]),
            ),
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be used.

    Parameters
    ----------
    source : str
        The file (or topic and partition) it stood in.
    record : int
        Its number in that source, from 0.
    reason : str
        Why, in words that repeat: no values from the record, so that reasons can be counted.
    raw : str
        The record's text, cut to 1,000 characters.
    """

    source: str
    record: int
    reason: str
    raw: str

    @staticmethod
    def of(source: str, record: int, reason: str, raw: bytes | str) -> DeadLetter:
        """Make one from the record as it was read: bytes that are not UTF-8 become U+FFFD."""
        text = raw[: 4 * RAW_LIMIT].decode(errors="replace") if isinstance(raw, bytes) else raw
        return DeadLetter(source, record, reason, text[:RAW_LIMIT])
