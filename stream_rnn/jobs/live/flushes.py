"""Idle flushes: events of silent streams are released by the wall clock, and by the same records after a restart.

What releases an event must not depend on the clock when records are processed again. So a flush is described by offsets
alone: it was done when the records before `Flush.at` were processed, and released the events of the streams whose last
event is from before `Flush.before`. This note is committed with the offsets and the forecasts, in one transaction.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = 64
"""Flushes that a note has; it may have 4096 bytes."""
MOST_BETWEEN_CHECKPOINTS = KEPT // 2
"""Flushes after which the next one waits for a checkpoint: the newest two can then be continued from."""
RESOLUTION = 16
"""Parts of `idle_flush` to which the time of an arrival is known."""


class Flush(NamedTuple):
    """A release of the events of silent streams of a partition."""

    number: int
    """counts the flushes of the partition, from 1"""
    at: int
    """offset of the next record when it was done"""
    before: int
    """streams whose last event is from before this offset were silent"""


def encode(flushes: Sequence[Flush]) -> str:
    """Return flushes as a note that is committed with an offset.

    Examples
    --------
    >>> encode([Flush(3, 120, 100)])
    'flushes=3:120:100'
    """
    return "flushes=" + ",".join(":".join(map(str, flush)) for flush in flushes) if flushes else ""


def decode(note: str) -> list[Flush]:
    """Return the flushes of a note; none if it is another's.

    Examples
    --------
    >>> decode("flushes=3:120:100"), decode("committed by hand")
    ([Flush(number=3, at=120, before=100)], [])
    """
    name, _, rest = note.partition("=")
    try:
        return [Flush(*map(int, flush.split(":"))) for flush in rest.split(",")] if name == "flushes" else []
    except (ValueError, TypeError):
        return []


class Flushes:
    """The flushes of a partition: those that were done, and those of an earlier process that are to be repeated.

    Parameters
    ----------
    done
        Number of flushes in the state of the model.
    committed
        The last flushes that are committed, with their forecasts.
    """

    def __init__(self, done: int = 0, committed: Sequence[Flush] = ()) -> None:
        self._kept = deque((flush for flush in committed if flush.number <= done), KEPT)
        self._to_repeat = deque(flush for flush in committed if flush.number > done)
        self._before = self._in_checkpoint = self.done = done
        self.committed = max(done, committed[-1].number if committed else 0)
        """number of flushes whose forecasts are committed"""

    @property
    def is_ahead(self) -> bool:
        """Whether flushes were done that are not committed."""
        return self.done > self.committed

    @property
    def may_add(self) -> bool:
        """Whether the next flush need not wait for a checkpoint."""
        return not self._to_repeat and self.done - self._in_checkpoint < MOST_BETWEEN_CHECKPOINTS

    @property
    def note(self) -> str:
        """What is committed with the offset."""
        return encode(self._kept)

    def next_at(self) -> int | None:
        """Return the offset of the next flush to repeat, None if there is none."""
        return self._to_repeat[0].at if self._to_repeat else None

    def repeat(self) -> Flush:
        """Return the next flush to repeat, which is done now."""
        flush = self._to_repeat.popleft()
        self._kept.append(flush)
        self.done = flush.number
        return flush

    def add(self, at: int, before: int) -> Flush:
        """Return a new flush, which is done now."""
        flush = Flush(self.done + 1, at, before)
        self._kept.append(flush)
        self.done = flush.number
        return flush

    def checkpoint_started(self) -> int:
        """Return the number of flushes that a checkpoint of the present state has."""
        self._before, self._in_checkpoint = self._in_checkpoint, self.done
        return self.done

    def checkpoint_failed(self) -> None:
        """Record that the last checkpoint was not written."""
        self._in_checkpoint = self._before


class ArrivalClock:
    """When the records of a partition arrived, as far as needed to detect silence.

    Parameters
    ----------
    idle
        Seconds after which a stream is silent.
    now, next
        Seconds, monotonically; the offset of the next record then. What was read before has arrived now.

    Examples
    --------
    >>> clock = ArrivalClock(idle=30.0, now=0.0, next=5)
    >>> clock.add(now=20.0, next=8)
    >>> clock.silent_before(now=29.0), clock.silent_before(now=30.0), clock.silent_before(now=50.0)
    (None, 5, 8)
    """

    def __init__(self, idle: float, now: float, next: int) -> None:  # noqa: A002 - as in a batch
        self._idle = idle
        self._arrivals = deque([(now, next)])

    def add(self, now: float, next: int) -> None:  # noqa: A002 - as in a batch
        """Record that the records before an offset have arrived."""
        if len(self._arrivals) > 1 and now - self._arrivals[-2][0] < self._idle / RESOLUTION:
            self._arrivals.pop()  # later than it was, so nothing is silent too early
        self._arrivals.append((now, next))

    def silent_before(self, now: float) -> int | None:
        """Return the offset before which all records arrived at least `idle` seconds ago, None if there is none."""
        found = None
        for arrived, offset in self._arrivals:
            if arrived > now - self._idle:
                break
            found = offset
        while len(self._arrivals) > 1 and self._arrivals[1][0] <= now - self._idle:
            self._arrivals.popleft()
        return found
