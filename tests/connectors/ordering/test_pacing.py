from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.ordering.pacing import paced
from stream_rnn.connectors.stop import Stop


class Clock:
    """A clock that only moves during sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.longest = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.longest = max(self.longest, seconds)
        self.now += seconds


def batch(times: list[float]) -> EventBatch:
    count = len(times)
    return EventBatch(
        np.full(count, "", object),
        np.array(times, dtype=np.float64),
        {"x": np.arange(count, dtype=np.float64)},
        np.zeros(count, np.bool_),
        Positions(np.zeros(count, np.int32), np.arange(count)),
    )


@given(
    st.lists(st.lists(st.floats(0, 1000), max_size=10), max_size=5),
    st.floats(0.5, 1000),
)
def test_no_event_is_early_and_none_is_lost(batches: list[list[float]], speed: float) -> None:
    clock = Clock()
    latest, first, count = -np.inf, None, 0
    for part in paced(map(batch, batches), speed, clock=clock, sleep=clock.sleep):
        for time in part.times:
            first = time if first is None else first
            latest = max(latest, time)
            assert clock.now >= 100 + (latest - first) / speed - 1e-9
        count += len(part)
    assert count == sum(map(len, batches))
    assert clock.longest <= 0.25


def test_an_hour_takes_a_minute_at_speed_sixty() -> None:
    clock = Clock()
    parts = [
        (clock.now - 100, part.times.tolist())
        for part in paced([batch([0, 1800, 1800, 3600])], 60, clock=clock, sleep=clock.sleep)
    ]
    assert parts == [(0.0, [0]), (pytest.approx(30), [1800, 1800]), (pytest.approx(60), [3600])]


def test_without_a_speed_batches_are_not_split_or_delayed() -> None:
    batches = [batch([0, 1000]), batch([5])]
    parts = list(paced(batches, None, sleep=lambda _: pytest.fail("slept")))
    assert [part is batch for part, batch in zip(parts, batches, strict=True)] == [True, True]


def test_a_consumer_that_falls_behind_gets_everything_that_is_due_at_once() -> None:
    clock = Clock()
    parts = []
    for part in paced([batch([0, 1, 2, 3, 4])], 1, clock=clock, sleep=clock.sleep):
        parts.append(part.times.tolist())
        clock.now += 3
    assert parts == [[0], [1, 2, 3], [4]]


def test_a_stop_ends_the_wait() -> None:
    clock, stop = Clock(), Stop()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > 105:
            stop.set()

    parts = paced([batch([0, 1, 1e9])], 1, clock=clock, sleep=sleep, stop=stop)
    assert [part.times.tolist() for part in parts] == [[0], [1]]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_must_be_a_positive_number(speed: float) -> None:
    with pytest.raises(UsageError, match="speed must be a positive number"):
        paced([], speed)


def test_events_without_time_cannot_be_paced() -> None:
    with pytest.raises(ConnectorError, match="events have no time"):
        list(paced([batch([float("nan")])], 1))


def test_a_stop_also_ends_a_replay_without_a_speed() -> None:
    stop = Stop()
    parts = paced([batch([0]), batch([1])], None, stop=stop)
    next(parts)
    stop.set()
    assert list(parts) == []
