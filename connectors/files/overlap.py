"""Overlap: files of one stream follow each other in time, unless events of one are between those of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from stream_rnn.connectors.events import EventBatch


class Overlap(NamedTuple):
    """Two files that overlap in time."""

    files: tuple[int, int]
    """indices of the files"""
    time: float
    """time of the first event of one that is not after all of the other"""


class OverlapDetector:
    """Finds the first two files that overlap, in events that were merged by time.

    Examples
    --------
    >>> from stream_rnn.connectors.events import EventBatch, Positions
    >>> batch = EventBatch(
    ...     keys=np.full(3, "", object),
    ...     times=np.array([1.0, 2.0, 3.0]),
    ...     columns={},
    ...     ends=np.zeros(3, np.bool_),
    ...     positions=Positions(np.array([0, 1, 0], np.int32), np.array([0, 0, 1])),
    ... )
    >>> OverlapDetector().find(batch[:2]), OverlapDetector().find(batch)
    (None, Overlap(files=(1, 0), time=3.0))
    """

    def __init__(self) -> None:
        self._left: set[int] = set()
        """Files that were followed by another one."""
        self._file = -1
        self._time = -np.inf

    def find(self, events: EventBatch) -> Overlap | None:
        """Return the first overlap in the next events, None if there is none."""
        files, times = events.positions.file, events.times
        for start in np.flatnonzero(np.diff(files, prepend=self._file)).tolist():
            file, before = int(files[start]), self._file if start == 0 else int(files[start - 1])
            newest = self._time if start == 0 else times[start - 1]
            if before >= 0 and (file in self._left or times[start] <= newest):
                return Overlap((before, file), float(times[start]))
            self._left.add(before)
        if len(events):
            self._file, self._time = int(files[-1]), float(times[-1])
        return None
