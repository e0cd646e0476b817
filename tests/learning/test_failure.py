"""A stream fails when its error has been above that of persistence for long, and recovers when it has not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_kernels import squared_error, update_failure
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.engine.alarms import relative_error
from stream_rnn.learning.failure import FAILING, FAILS, FLOOR, LASTING, MEMORY, RECOVERED, STATE_SIZE

FIRST = MEMORY + int(LASTING)
"""Events of a new stream that fails from its first event on."""


class Stream:
    """The state of a stream, and the events at which it began to fail or recovered."""

    def __init__(self) -> None:
        self.state = np.zeros(STATE_SIZE)
        self.events = 0
        self.changes: list[int] = []

    def add(self, ratio: float, events: int, persistence: float = 1.0) -> Stream:
        """Add events with this ratio of the errors."""
        for _ in range(events):
            before = self.state[FAILING]
            update_failure(self.state, (ratio * persistence) ** 2, persistence**2)
            self.events += 1
            if self.state[FAILING] != before:
                self.changes.append(self.events)
        return self


def test_a_stream_that_never_works_fails_after_its_first_events_and_as_many_as_must_be_worse() -> None:
    assert Stream().add(2.0, 5000).changes == [FIRST - 1]


@pytest.mark.parametrize("ratio", [0.1, 1.0, FAILS - 0.01])
def test_a_stream_that_is_hardly_worse_than_persistence_does_not_fail(ratio: float) -> None:
    assert Stream().add(ratio, 5000).changes == []


@pytest.mark.parametrize(("ratio", "events"), [(1.5, 1600), (2.0, 900), (10.0, 520)])
def test_a_stream_that_stops_working_fails_within_these_events(ratio: float, events: int) -> None:
    stream = Stream().add(0.5, 3000).add(ratio, 3000)
    assert len(stream.changes) == 1
    assert LASTING <= stream.changes[0] - 3000 <= events


def test_it_recovers_once_it_works_again() -> None:
    stream = Stream().add(0.5, 3000).add(3.0, 3000).add(0.8, 6000)
    assert len(stream.changes) == 2
    assert 6000 + LASTING < stream.changes[1] < 9500


def test_between_the_thresholds_nothing_changes() -> None:
    between = (FAILS + RECOVERED) / 2
    assert Stream().add(between, 9000).changes == []
    assert len(Stream().add(2.0, 3000).add(between, 9000).changes) == 1


def test_a_hundred_bad_events_are_no_failure() -> None:
    assert Stream().add(0.9, 3000).add(2.8, 100).add(0.9, 3000).changes == []


def test_first_events_without_skill_are_no_failure() -> None:
    assert Stream().add(3.0, 100).add(0.9, 5000).changes == []


def test_a_value_that_no_longer_changes_is_forecast_well_enough() -> None:
    assert Stream().add(1.0, 3000).add(math.inf, 0).add(1.0, 20_000, persistence=0.0).changes == []
    stream = Stream().add(0.9, 3000)
    for _ in range(20_000):
        update_failure(stream.state, FLOOR**2, 0.0)
    assert stream.state[FAILING] == 0.0


def test_the_relative_error_is_that_of_the_last_events() -> None:
    stream = Stream().add(0.5, MEMORY - 1)
    assert math.isnan(relative_error(stream.state))
    assert relative_error(stream.add(0.5, 1).state) == pytest.approx(0.5)
    assert relative_error(stream.add(2.0, 20 * MEMORY).state) == pytest.approx(2.0)
    assert math.isnan(relative_error(np.zeros(0)))


@pytest.mark.parametrize("forecast", [math.nan, math.inf, -math.inf, 1e308, -1e308])
def test_errors_are_clipped_whatever_the_forecast_is(forecast: float) -> None:
    assert squared_error(forecast, -1.0, 0.5, 10.0) == 100.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_errors_are_in_units_of_the_scale(forecast: float, y: float, scale: float) -> None:
    expected = min(abs(forecast - y) / scale, 10.0) ** 2
    assert squared_error(forecast, y, 1.0 / scale, 10.0) == pytest.approx(expected, rel=1e-9)
