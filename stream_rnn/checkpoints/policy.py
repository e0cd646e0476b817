"""When a job takes a checkpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class CheckpointPolicy:
    """Decides when the next checkpoint is due: after so many events, or so many seconds in which there was progress.

    Parameters
    ----------
    every_events
        Events between two checkpoints.
    every_seconds
        Seconds between two checkpoints; None for no limit.
    events
        Events that the engine has processed so far.
    position
        Where the job's input is. Any value that changes when the job makes progress.
    clock
        Returns monotonic time in seconds.

    Examples
    --------
    >>> policy = CheckpointPolicy(100, None, events=0, position=0)
    >>> policy.is_due(99, 99), policy.is_due(100, 100)
    (False, True)
    >>> policy.started(100, 100)
    >>> policy.is_due(150, 150)
    False
    """

    def __init__(
        self,
        every_events: int,
        every_seconds: float | None,
        *,
        events: int,
        position: Any,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every_events = every_events
        self._every_seconds = every_seconds
        self._clock = clock
        self.started(events, position)

    def has_progress(self, position: Any) -> bool:
        """Return whether the job has moved on since the last checkpoint was started."""
        return bool(position != self._position)

    def is_due(self, events: int, position: Any) -> bool:
        """Return whether it is time for a checkpoint after so many events, at this position."""
        if not self.has_progress(position):
            return False
        if events - self._events >= self._every_events:
            return True
        return self._every_seconds is not None and self._clock() - self._at >= self._every_seconds

    def started(self, events: int, position: Any) -> None:
        """Record that a checkpoint was started after so many events, at this position."""
        self._events, self._position, self._at = events, position, self._clock()

    def failed(self) -> None:
        """Record that the last checkpoint was not written: the next covers its progress, after the usual interval."""
        self._position = None
