"""What connectors exchange: batches of events, their positions, and records and values that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Selection = slice | NDArray[np.intp] | NDArray[np.bool_]

MAX_RAW_CHARACTERS = 1000
"""Characters that are kept of a record that cannot be used: enough to recognise it, never a whole file."""


@dataclass(frozen=True, slots=True)
class Positions:
    """Where each event of a batch was read.

    Parameters
    ----------
    file
        (N,) index into the source's list of files, or a partition's number.
    record
        (N,) number of the record in that file, from 0, not counting headers and blank lines; in a partition, the
        offset.
    element
        (N,) number of the event in its record, from 0; None if every record is one event. In a file each event of a
        record counts as a record of its own, so only records of a partition have several events.

    Examples
    --------
    >>> positions = Positions(np.zeros(3, np.int32), np.arange(3))
    >>> positions[1:].record
    array([1, 2])
    """

    file: NDArray[np.int32]
    record: NDArray[np.int64]
    element: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.record)

    def __getitem__(self, selection: Selection) -> Positions:
        element = None if self.element is None else self.element[selection]
        return Positions(self.file[selection], self.record[selection], element)

    @property
    def element_numbers(self) -> NDArray[np.int32]:
        """Number of each event in its record (N,)."""
        return np.zeros(len(self), np.int32) if self.element is None else self.element

    @staticmethod
    def concat(parts: Sequence[Positions]) -> Positions:
        """Join positions in order."""
        element: NDArray[np.int32] | None = None
        if any(part.element is not None for part in parts):
            element = np.concatenate([part.element_numbers for part in parts])
        file, record = (np.concatenate(column) for column in zip(*((p.file, p.record) for p in parts), strict=True))
        return Positions(file, record, element)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events in arrival order, column by column.

    Parameters
    ----------
    keys
        (N,) the stream of each event, a `str` or an `int`. Files always yield `str`, so that a stream has the same key
        in CSV, JSON and Parquet; a file without a key column has the single key ``""``.
    times
        (N,) seconds since 1970-01-01 UTC, NaN if the source has no time.
    columns
        (N,) values of each column, by name: numbers, NaN if missing, never infinite; or, of a column that is read as
        words, words, None if missing.
    ends
        (N,) True at the last event of a sequence.
    positions
        Where each event was read.

    Examples
    --------
    >>> batch = EventBatch(
    ...     keys=np.array(["a", "b", "a"], object),
    ...     times=np.array([0.0, 1.0, 2.0]),
    ...     columns={"x": np.array([0.1, 0.2, 0.3])},
    ...     ends=np.zeros(3, np.bool_),
    ...     positions=Positions(np.zeros(3, np.int32), np.arange(3)),
    ... )
    >>> len(batch[batch.keys == "a"])
    2
    """

    keys: NDArray[np.object_]
    times: NDArray[np.float64]
    columns: dict[str, NDArray[Any]]
    ends: NDArray[np.bool_]
    positions: Positions

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, selection: Selection) -> EventBatch:
        """Return the selected events: views for a slice, copies for an index or a mask."""
        return EventBatch(
            self.keys[selection],
            self.times[selection],
            {name: values[selection] for name, values in self.columns.items()},
            self.ends[selection],
            self.positions[selection],
        )

    def table(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the named columns of numbers side by side, (N, names)."""
        result = np.empty((len(self), len(names)))
        for i, name in enumerate(names):
            result[:, i] = self.columns[name]
        return result

    def split(self, size: int) -> Iterator[EventBatch]:
        """Yield batches of at most `size` events, without copying."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    @staticmethod
    def empty(names: Sequence[str] = ()) -> EventBatch:
        """Return a batch without events that has the given columns."""
        no_values = np.zeros(0)
        positions = Positions(np.zeros(0, np.int32), np.zeros(0, np.int64))
        return EventBatch(
            np.zeros(0, object), no_values, dict.fromkeys(names, no_values), np.zeros(0, np.bool_), positions
        )

    @staticmethod
    def concat(batches: Sequence[EventBatch]) -> EventBatch:
        """Join batches that have the same columns, in order.

        Raises
        ------
        ValueError
            If there is no batch, because its columns would be unknown.
        """
        if not batches:
            raise ValueError("concat needs at least one batch, got none")
        if len(batches) == 1:
            return batches[0]
        return EventBatch(
            np.concatenate([batch.keys for batch in batches]),
            np.concatenate([batch.times for batch in batches]),
            {name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns},
            np.concatenate([batch.ends for batch in batches]),
            Positions.concat([batch.positions for batch in batches]),
        )


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """A record that cannot be used.

    Parameters
    ----------
    source
        The file, or topic and partition, that it was read from.
    record
        Its number in that source, from 0.
    reason
        Why it cannot be used, without values of the record, so that reasons can be counted.
    raw
        The record's text, cut to 1,000 characters.
    line
        The line of the file where it starts, from 1, if fewer lines belong to it than its quotes say.
    element
        The number of the event in the record, if only this one of several cannot be used and it is not the first.
    """

    source: str
    record: int
    reason: str
    raw: str
    line: int | None = None
    element: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """The record, and the event in it: what dead letters of a source are sorted by."""
        return self.record, self.element

    @staticmethod
    def of(
        source: str, record: int, reason: str, raw: bytes | str, line: int | None = None, element: int = 0
    ) -> DeadLetter:
        """Return the dead letter for a record as it was read; bytes that are not UTF-8 become U+FFFD.

        Examples
        --------
        >>> DeadLetter.of("a.csv", 7, "not a number", b"warm")
        DeadLetter(source='a.csv', record=7, reason='not a number', raw='warm')
        """
        data = raw[: 4 * MAX_RAW_CHARACTERS] if isinstance(raw, bytes) else raw.encode(errors="backslashreplace")
        return DeadLetter(source, record, reason, data.decode(errors="replace")[:MAX_RAW_CHARACTERS], line, element)


class BadValue(NamedTuple):
    """A value that is treated as missing because it is not a number; its record can be used."""

    source: str
    """the file, or topic and partition, that it was read from"""
    record: int
    """number of its record in that source, from 0"""
    column: str
    word: str
    """the value as text"""
