"""Recorded events at the pace they were recorded."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.follow import Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stream_rnn.connectors.events import EventBatch

NAP = 0.25  # seconds: the longest sleep at once, so that a stop is heard soon


def paced(
    batches: Iterable[EventBatch],
    speed: float | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] | None = None,
    stop: Stop | None = None,
) -> Iterator[EventBatch]:
    """Hand events over when they are due, cutting batches where it must.

    The first event is due at once, each later one as long after it as its time says, divided by `speed`. An
    event whose time lies before one already given is due at once. Nobody is hurried: when the consumer falls
    behind, what is due comes in whole batches until it has caught up.

    Parameters
    ----------
    batches : iterable of EventBatch
    speed : float or None
        1 is real time, 60 an hour in a minute; None is as fast as possible.
    clock : callable
        Seconds now.
    sleep : callable, optional
        Waits the given seconds; by default a wait that `stop` ends early.
    stop : Stop, optional
        Ends the replay between events.

    Raises
    ------
    UsageError
        When `speed` is not a positive number.
    ConnectorError
        When the events have no time.
    """
    if speed is not None and not (speed > 0 and math.isfinite(speed)):
        raise UsageError(f"speed must be a positive number, got {speed}")
    stop = Stop() if stop is None else stop
    return _paced(batches, speed, clock, sleep or stop.wait, stop)


def _paced(
    batches: Iterable[EventBatch],
    speed: float | None,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    stop: Stop,
) -> Iterator[EventBatch]:
    origin: tuple[float, float] | None = None  # time of the first event, and what the clock said then
    latest = -math.inf
    for batch in batches:
        if speed is None or not len(batch):
            if stop:
                return
            yield batch
            continue
        if np.isnan(batch.times).any():
            raise ConnectorError("events have no time: a replay at a given speed needs a time column")
        if origin is None:
            origin = (float(batch.times[0]), clock())
        order = np.maximum(np.maximum.accumulate(batch.times), latest)
        latest = float(order[-1])
        due = origin[1] + (order - origin[0]) / speed
        given = 0
        while given < len(batch):
            if stop:
                return
            now = clock()
            ready = int(np.searchsorted(due, now, side="right"))
            if ready > given:
                yield batch[given:ready]
                given = ready
            else:
                sleep(min(float(due[given]) - now, NAP))
