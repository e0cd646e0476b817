"""BatchSize: how many events to process at once."""

from __future__ import annotations

SECONDS = 0.1
"""Length of a batch: short enough for a request to stop, long enough that the cost of a batch does not matter."""
GROWTH = 4
"""How many times as long as the one before a batch may be, because the time of a short one says little."""


class BatchSize:
    """The number of events that take about `SECONDS`, measured on the batches before.

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
        """Return about how long so many events take; before enough was measured, it is too long."""
        return events * SECONDS / self.next

    def measured(self, events: int, seconds: float) -> None:
        """Choose the next size after a batch that took so long."""
        self.next = GROWTH * events if seconds * GROWTH <= SECONDS else max(1, int(events * SECONDS / seconds))
