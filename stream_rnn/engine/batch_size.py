"""BatchSize: how many events to process at once."""

from __future__ import annotations

SECONDS = 0.1
"""Length of a batch: short enough for a request to stop, long enough that the cost of a batch does not matter."""
GROWTH = 4
"""Largest ratio of the sizes of consecutive batches: the time of a short batch is a poor estimate."""


class BatchSize:
    """The number of events that take about `SECONDS`, as measured on earlier batches.

    Python handles Ctrl-C, and jobs notice that they should stop, between two batches. A number of events that suits a
    small network would take minutes with a large one.

    Examples
    --------
    >>> size = BatchSize()
    >>> size.next
    1
    >>> size.measured(1, seconds=0.02)
    >>> size.next
    4
    >>> size.measured(4, seconds=0.08)
    >>> size.next
    5
    """

    def __init__(self) -> None:
        self.next = 1
        """Size of the next batch."""

    def seconds(self, events: int) -> float:
        """Return about how many seconds so many events take; too many until enough events have been measured."""
        return events * SECONDS / self.next

    def measured(self, events: int, seconds: float) -> None:
        """Choose the next size after a batch of `events` events that took `seconds`."""
        self.next = GROWTH * events if seconds * GROWTH <= SECONDS else max(1, int(events * SECONDS / seconds))
