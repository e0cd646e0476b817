"""Runs: rows of a stream that make one event, and which later row closes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rows(NamedTuple):
    """N rows sorted by stream, those of a stream in order of arrival."""

    order: NDArray[np.intp]
    """(N,) their places in the order of arrival"""
    stream: NDArray[np.int64]
    """(N,) number of the stream"""
    first: NDArray[np.bool_]
    """(N,) whether it is the first of its stream"""

    @classmethod
    def of(cls, keys: NDArray[np.object_]) -> Rows:
        """Return the rows of events with these keys, in order of arrival (N,).

        Examples
        --------
        >>> Rows.of(np.array(["a", "b", "a"], object)).order
        array([0, 2, 1])
        """
        names = keys.tolist()
        numbers = {key: number for number, key in enumerate(dict.fromkeys(names))}
        streams = np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))
        order = np.argsort(streams, kind="stable")
        stream = streams[order]
        return cls(order, stream, np.diff(stream, prepend=-1) != 0)


class Runs(NamedTuple):
    """G runs of rows that make one event each."""

    run: NDArray[np.intp]
    """(N,) the run of each row"""
    start: NDArray[np.intp]
    """(G,) its first row"""
    last: NDArray[np.intp]
    """(G,) its last row"""
    open: NDArray[np.bool_]
    """(G,) whether it is the last of its stream, so that rows may still follow"""

    @classmethod
    def of(cls, rows: Rows, begins: NDArray[np.bool_]) -> Runs:
        """Return the runs, given which rows begin one (N,); the first of each stream does.

        Examples
        --------
        >>> runs = Runs.of(Rows.of(np.array(["a", "a", "a", "b"], object)), np.array([True, False, True, True]))
        >>> runs.start, runs.last, runs.open
        (array([0, 2, 3]), array([1, 2, 3]), array([False,  True,  True]))
        """
        start = np.flatnonzero(begins)
        following = np.append(start[1:], len(begins))
        is_open = np.append(rows.first, True)[following]
        return cls(np.cumsum(begins) - 1, start, following - 1, is_open)

    def any(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which runs (G,) have a row whose flag (N,) is set."""
        found = np.zeros(len(self.start), np.bool_)
        found[self.run[flags]] = True
        return found
