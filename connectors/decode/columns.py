"""Decoded columns, and the rows among them that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Columns(NamedTuple):
    """Columns of N decoded rows."""

    keys: NDArray[np.object_]
    """(N,) str"""
    times: NDArray[np.float64]
    """(N,) seconds since 1970-01-01 UTC"""
    inputs: dict[str, NDArray[np.float64]]
    """(N,) values of each input, by name"""
    ends: NDArray[np.bool_]
    """(N,) whether the sequence ends"""
    reasons: dict[int, str]
    """why a row cannot be used, by row"""


class Decoded(NamedTuple):
    """Decoded records of a block."""

    columns: Columns
    """columns of the records that are rows"""
    records: NDArray[np.int64]
    """(N,) the record of each row"""
    refused: dict[int, str]
    """why the other records are not rows, by record"""


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
