"""Several files as one stream of events: merged by time, or one after another.

The merge is stable: events are ordered by (time, file, record). Events of one file are not reordered: an event counts
as late as the latest before it. So every file stays in record order, a position is one number per file, and reading
from a position yields exactly the remaining events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_rnn.connectors.events import EventBatch
from stream_rnn.connectors.ordering.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class BatchReader(Protocol):
    """Reads batches of one file in record order."""

    def read(self) -> EventBatch | None:
        """Return the next batch, an empty one if a growing file has no new events, None at the end."""


@dataclass(slots=True)
class _Pending:
    """Events of one file that were read and not yet merged."""

    reader: BatchReader
    clock: Clock
    events: EventBatch | None = None
    order: NDArray[np.float64] | None = None
    """(N,) running maximum of the times, by which events are merged"""
    start: int = 0
    """index of the first event that is not merged"""
    latest: float = -np.inf
    """latest time so far"""
    ended: bool = False

    @property
    def has_events(self) -> bool:
        return self.events is not None and self.start < len(self.events)

    def refill(self) -> None:
        """Read the next batch, if there is one."""
        self.events, self.order, self.start = None, None, 0
        batch = self.reader.read()
        if batch is None:
            self.ended = True
        elif len(batch):
            self.events = batch
            times = np.where(self.clock.is_ahead(batch.times), -np.inf, batch.times)
            self.order = np.maximum(np.maximum.accumulate(times), self.latest)
            self.latest = float(self.order[-1])


def one_after_another(readers: Sequence[BatchReader]) -> Iterator[EventBatch]:
    """Yield all batches of the first reader, then all of the second, and so on."""
    for reader in readers:
        while (batch := reader.read()) is not None:
            yield batch


def merge_by_time(readers: Sequence[BatchReader], max_ahead: float | None = None) -> Iterator[EventBatch]:
    """Yield the events of all readers by (time, reader, record), holding one batch of each.

    An empty batch means that no reader has events at the moment. A growing file without new events does not hold the
    others back; its later events come later.

    Parameters
    ----------
    readers
        Their events have times.
    max_ahead
        A time that is further ahead of its file, see `Clock`, does not delay the events after it; None: every time
        does.

    Examples
    --------
    >>> from stream_rnn.connectors.events import Positions
    >>> class Recorded:
    ...     def __init__(self, *times):
    ...         positions = Positions(np.zeros(len(times), np.int32), np.arange(len(times)))
    ...         keys, ends = np.full(len(times), "", object), np.zeros(len(times), np.bool_)
    ...         self._batches = iter([EventBatch(keys, np.array(times), {}, ends, positions)])
    ...     def read(self):
    ...         return next(self._batches, None)
    >>> [batch.times.tolist() for batch in merge_by_time([Recorded(1.0, 4.0), Recorded(2.0, 3.0)])]
    [[1.0, 2.0, 3.0], [4.0]]
    """
    pending = [_Pending(reader, Clock(max_ahead)) for reader in readers]
    while True:
        for file in pending:
            if not file.ended and not file.has_events:
                file.refill()
        available = [file for file in pending if file.has_events]
        if available:
            yield _merge_until(available, *_frontier(available))
        elif all(file.ended for file in pending):
            return
        else:
            yield EventBatch.empty()


def _frontier(pending: list[_Pending]) -> tuple[float, int]:
    """Return the time up to which all events are known (the earliest last time of a file), and that file's index."""
    return min((float(file.order[-1]), i) for i, file in enumerate(pending) if file.order is not None)


def _merge_until(pending: list[_Pending], time: float, frontier_file: int) -> EventBatch:
    """Return the events up to a time in order; ties go to the earlier file."""
    parts: list[EventBatch] = []
    orders: list[NDArray[np.float64]] = []
    for i, file in enumerate(pending):
        if file.events is None or file.order is None:
            continue
        stop = int(np.searchsorted(file.order, time, side="right" if i <= frontier_file else "left"))
        if stop > file.start:
            parts.append(file.events[file.start : stop])
            orders.append(file.order[file.start : stop])
            file.start = stop
    if len(parts) == 1:
        return parts[0]
    # The parts are in the order of the files, so a stable sort by time keeps ties in order.
    return EventBatch.concat(parts)[np.argsort(np.concatenate(orders), kind="stable")]
