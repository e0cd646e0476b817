"""Decoded columns, the rows among them that cannot be used, and the values that are missing because they are words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.connectors.events import BadValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class BadValues(NamedTuple):
    """Values of an input that are not numbers, or not words, and are treated as missing."""

    column: str
    rows: NDArray[np.int64]
    """(K,) rows that have one"""
    words: list[str]
    """(K,) the values as text"""


class Columns(NamedTuple):
    """Columns of N decoded rows."""

    keys: NDArray[np.object_]
    """(N,) str"""
    times: NDArray[np.float64]
    """(N,) seconds since 1970-01-01 UTC, or by the local clock, see `is_local`"""
    inputs: dict[str, NDArray[Any]]
    """(N,) values of each input, by name: numbers, NaN if missing; or words, None if missing"""
    ends: NDArray[np.bool_]
    """(N,) whether the sequence ends"""
    reasons: dict[int, str]
    """why a row cannot be used, by row"""
    bad_values: Sequence[BadValues] = ()
    """values that are missing because they are not numbers"""
    is_local: NDArray[np.bool_] | None = None
    """(N,) whether a time is by the local clock; None if there is no time zone"""
    elements: NDArray[np.int32] | None = None
    """(N,) number of each row in its record; None if every record is one row"""

    def take(self, order: NDArray[np.intp]) -> Columns:
        """Return the rows in another order, (N,)."""
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        return Columns(
            self.keys[order],
            self.times[order],
            {name: values[order] for name, values in self.inputs.items()},
            self.ends[order],
            {int(places[row]): why for row, why in self.reasons.items()},
            [bad._replace(rows=places[bad.rows]) for bad in self.bad_values],
            None if self.is_local is None else self.is_local[order],
            None if self.elements is None else self.elements[order],
        )

    @staticmethod
    def concat(parts: Sequence[Columns]) -> Columns:
        """Join columns in order; there must be at least one part."""
        firsts = np.cumsum([0, *(len(part.times) for part in parts)]).tolist()
        elements: NDArray[np.int32] | None = None
        if any(part.elements is not None for part in parts):
            elements = np.concatenate([part.element_numbers for part in parts])
        is_local: NDArray[np.bool_] | None = None
        if any(part.is_local is not None for part in parts):
            is_local = np.concatenate(
                [np.zeros(len(part.times), np.bool_) if part.is_local is None else part.is_local for part in parts]
            )
        return Columns(
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.times for part in parts]),
            {name: np.concatenate([part.inputs[name] for part in parts]) for name in parts[0].inputs},
            np.concatenate([part.ends for part in parts]),
            {first + row: why for first, part in zip(firsts, parts, strict=False) for row, why in part.reasons.items()},
            [
                bad._replace(rows=first + bad.rows)
                for first, part in zip(firsts, parts, strict=False)
                for bad in part.bad_values
            ],
            is_local,
            elements,
        )

    @property
    def element_numbers(self) -> NDArray[np.int32]:
        """Number of each row in its record (N,)."""
        return np.zeros(len(self.times), np.int32) if self.elements is None else self.elements

    def bad_values_of(self, source: str, records: NDArray[np.int64]) -> list[BadValue]:
        """Return the bad values of the rows that can be used, in order of their records (N,)."""
        found = [
            BadValue(source, int(records[row]), bad.column, word)
            for bad in self.bad_values
            for row, word in zip(bad.rows.tolist(), bad.words, strict=True)
            if row not in self.reasons
        ]
        return sorted(found, key=lambda value: value.record)


class Decoded(NamedTuple):
    """Decoded records of a block."""

    columns: Columns
    """columns of the records that are rows"""
    records: NDArray[np.int64]
    """(N,) the record of each row"""
    refused: dict[int, str]
    """why the other records are not rows, by record"""

    @property
    def record_count(self) -> int:
        """Number of records."""
        elements = self.columns.elements
        return (len(self.records) if elements is None else int((elements == 0).sum())) + len(self.refused)

    def by_row(self) -> tuple[Decoded, NDArray[np.int64]]:
        """Return the same with every row counted as a record of its own, and the record (N,) in which each was."""
        count = self.record_count
        counts = np.bincount(self.records, minlength=count)
        counts[list(self.refused)] = 1
        starts = np.cumsum(counts) - counts
        refused = {int(starts[i]): why for i, why in self.refused.items()}
        rows = Decoded(
            self.columns._replace(elements=None), starts[self.records] + self.columns.element_numbers, refused
        )
        return rows, np.repeat(np.arange(count), counts)

    @staticmethod
    def none(names: Sequence[str], refused: dict[int, str]) -> Decoded:
        """Return a batch without rows, in which every record was refused; `names` are those of the inputs."""
        no_values = np.zeros(0)
        columns = Columns(np.zeros(0, object), no_values, dict.fromkeys(names, no_values), np.zeros(0, np.bool_), {})
        return Decoded(columns, np.zeros(0, np.int64), refused)

    @staticmethod
    def concat(parts: Sequence[Decoded]) -> Decoded:
        """Join decoded blocks in order; there must be at least one.

        Examples
        --------
        >>> parts = [Decoded.none(["x"], {0: "not JSON"}), Decoded.none(["x"], {0: "not UTF-8"})]
        >>> Decoded.concat(parts).refused
        {0: 'not JSON', 1: 'not UTF-8'}
        """
        firsts = np.cumsum([0, *(part.record_count for part in parts)]).tolist()
        return Decoded(
            Columns.concat([part.columns for part in parts]),
            np.concatenate([first + part.records for first, part in zip(firsts, parts, strict=False)]),
            {first + i: why for first, part in zip(firsts, parts, strict=False) for i, why in part.refused.items()},
        )


class RowErrors:
    """Reasons why rows cannot be used; the first reason of a row is kept.

    Attributes
    ----------
    reasons : dict of int to str
        The reason, by row.

    Examples
    --------
    >>> errors = RowErrors()
    >>> errors.add(np.array([False, True]), "not a number", column="x")
    >>> errors.add(np.array([True, True]), "time is missing")
    >>> errors.reasons
    {1: "column 'x': not a number", 0: 'time is missing'}
    """

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}

    def add(self, bad: NDArray[np.bool_], reason: str, column: str | None = None) -> None:
        """Add a reason for the rows where `bad` (N,) is True."""
        if bad.any():
            text = reason if column is None else f"column {column!r}: {reason}"
            for row in np.flatnonzero(bad):
                self.reasons.setdefault(int(row), text)
