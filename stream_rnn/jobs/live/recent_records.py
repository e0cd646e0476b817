"""RecentRecords: how many of the last minute's records could not be used, and why."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW_SECONDS = 60
REASONS_SHOWN = 3


class _Second(NamedTuple):
    """Records of one second of the clock."""

    at: int
    counts: Counter[str]
    """records by reason; the reason of those that were used is empty"""


class RecentRecords:
    """Counts the records of the last minute, to the second.

    Parameters
    ----------
    clock
        Returns seconds, monotonically.

    Examples
    --------
    >>> recent = RecentRecords(clock=lambda: 0.0)
    >>> recent.add_used(1)
    >>> recent.add_refused({"not JSON": 2})
    >>> recent.complaint()
    "2 of the last minute's 3 records were refused: not JSON (2)"
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: deque[_Second] = deque()
        self._total: Counter[str] = Counter()

    def add_used(self, records: int) -> None:
        """Count records that were used."""
        self._now().counts[""] += records
        self._total[""] += records

    def add_refused(self, reasons: Mapping[str, int]) -> None:
        """Count records that were refused, by reason."""
        self._now().counts.update(reasons)
        self._total.update(reasons)

    def complaint(self) -> str | None:
        """Return the most frequent reasons if more than half of the records were refused, else None."""
        self._forget()
        records, used = self._total.total(), self._total[""]
        if 2 * used >= records:
            return None
        reasons = [(reason, count) for reason, count in self._total.most_common() if reason and count]
        shown = ", ".join(f"{reason} ({count:,})" for reason, count in reasons[:REASONS_SHOWN])
        return f"{records - used:,} of the last minute's {records:,} records were refused: {shown}"

    def _now(self) -> _Second:
        self._forget()
        at = int(self._clock())
        if not self._seconds or self._seconds[-1].at != at:
            self._seconds.append(_Second(at, Counter()))
        return self._seconds[-1]

    def _forget(self) -> None:
        oldest = self._clock() - WINDOW_SECONDS
        while self._seconds and self._seconds[0].at <= oldest:
            self._total.subtract(self._seconds.popleft().counts)
            self._total += Counter()  # without the reasons that have no records left
