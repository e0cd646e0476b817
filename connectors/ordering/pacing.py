"""Replay recorded events at their original pace."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch

MAX_SLEEP = 0.25
"""Longest sleep in seconds, so that a stop is noticed soon."""


def paced(
    batches: Iterable[EventBatch],
    speed: float | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] | None = None,
    stop: Stop | None = None,
) -> Iterator[EventBatch]:
    """Yield events when they are due, splitting batches where necessary.

    The first event is due at once, every other one after the time between it and the first, divided by `speed`. An
    event whose time is before that of an earlier event is due together with that event. If the consumer falls behind,
    everything that is due comes at once.

    Parameters
    ----------
    batches
        Events with times.
    speed
        1 is real time, 60 replays an hour in a minute; None is as fast as possible.
    clock
        Returns the current time in seconds.
    sleep
        Waits for the given seconds. Default: a wait that `stop` ends early.
    stop
        Ends the replay between events.

    Raises
    ------
    UsageError
        If `speed` is not a positive number.
    ConnectorError
        If the events have no time.

    Examples
    --------
    >>> from stream_rnn.connectors.events import EventBatch, Positions
    >>> batch = EventBatch(
    ...     keys=np.array(["s", "s", "s"], object),
    ...     times=np.array([0.0, 60.0, 60.0]),
    ...     columns={},
    ...     ends=np.zeros(3, np.bool_),
    ...     positions=Positions(np.zeros(3, np.int32), np.arange(3)),
    ... )
    >>> now = [0.0]
    >>> def sleep(seconds):
    ...     now[0] += seconds
    >>> for part in paced([batch], speed=60, clock=lambda: now[0], sleep=sleep):
    ...     print(now[0], part.times)
    0.0 [0.]
    1.0 [60. 60.]
    """
    if speed is not None and not (speed > 0 and math.isfinite(speed)):
        raise UsageError(f"speed must be a positive number, got {speed}")
    stop = Stop() if stop is None else stop
    if speed is None:
        return _unpaced(batches, stop)
    return _paced(batches, _Schedule(speed, clock), sleep or stop.wait, stop)


class _Schedule:
    """When events are due, by the clock."""

    def __init__(self, speed: float, clock: Callable[[], float]) -> None:
        self.now = clock
        self._speed = speed
        self._first_time = math.nan
        self._start = math.nan
        self._latest = -math.inf

    def due(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return when the next events are due, (N,); the first one of all is due now."""
        if np.isnan(times).any():
            raise ConnectorError("events have no time: a replay with a speed needs a time column")
        if math.isnan(self._start):
            self._first_time, self._start = float(times[0]), self.now()
        ordered = np.maximum(np.maximum.accumulate(times), self._latest)
        self._latest = float(ordered[-1])
        due: NDArray[np.float64] = self._start + (ordered - self._first_time) / self._speed
        return due


def _unpaced(batches: Iterable[EventBatch], stop: Stop) -> Iterator[EventBatch]:
    for batch in batches:
        if stop:
            return
        yield batch


def _paced(
    batches: Iterable[EventBatch], schedule: _Schedule, sleep: Callable[[float], None], stop: Stop
) -> Iterator[EventBatch]:
    for batch in batches:
        if not len(batch):
            if stop:
                return
            yield batch
            continue
        due = schedule.due(batch.times)
        start = 0
        while start < len(batch):
            if stop:
                return
            now = schedule.now()
            end = int(np.searchsorted(due, now, side="right"))
            if end > start:
                yield batch[start:end]
                start = end
            else:
                sleep(min(float(due[start]) - now, MAX_SLEEP))
