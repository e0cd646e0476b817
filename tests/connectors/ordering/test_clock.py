"""Clock: one time far in the future is refused, a clock that has moved on is not."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.ordering.clock import Clock

NAN = math.nan
YEAR_9999 = 253_370_764_800.0
NOW = 1_700_000_000.0
TIMES = st.lists(st.sampled_from([NAN, *map(float, range(30))]), max_size=30)


def refused(times: list[float], max_ahead: float | None = 10.0) -> list[int]:
    """Return the numbers of the events that are refused."""
    return np.flatnonzero(Clock(max_ahead).is_ahead(np.array(times, np.float64))).tolist()


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([NOW, YEAR_9999, NOW + 1, NOW + 2], [1]),
        ([NOW, YEAR_9999, YEAR_9999, YEAR_9999, NOW + 1], [1, 2, 3]),  # a constant confirms nothing
        ([NOW, 3 * NOW, YEAR_9999, NOW + 1], [1, 2]),  # nor does another wild time
        ([NOW, YEAR_9999, NOW + 1, YEAR_9999 + 1, NOW + 2], [1, 3]),  # nor one that is not next
        ([NOW, NOW + 10, NOW + 20], []),
        ([NOW, NOW + 10.5, NOW + 11], [1]),  # a gap costs one event
        ([0.0, NOW, NOW + 1, NOW + 2], [1]),  # so does a clock that is set
        ([NOW, NOW + 100, NAN, NOW + 101, NOW + 102], [1]),
        ([NOW, 0.0, NOW + 5], []),  # a time may be old, and the newest one counts
        ([NAN, YEAR_9999, NOW], []),  # the first time is accepted
        ([], []),
        ([NAN, NAN], []),
    ],
)
def test_a_time_is_refused_if_it_is_ahead_and_not_confirmed(times: list[float], expected: list[int]) -> None:
    assert refused(times) == expected


def test_without_a_limit_no_time_is_refused() -> None:
    assert refused([NOW, YEAR_9999, NOW], max_ahead=None) == []


@given(TIMES, st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_batches_and_restarts_change_nothing(times: list[float], sizes: list[int]) -> None:
    clock, found, at = Clock(5.0), [], 0
    for turn in range(len(times)):
        part = np.array(times[at : at + sizes[turn % len(sizes)]], np.float64)
        found += (at + np.flatnonzero(clock.is_ahead(part))).tolist()
        at += len(part)
        state = json.loads(json.dumps(clock.state()))
        clock = Clock(5.0)
        clock.restore(state)
    assert found == refused(times, 5.0)


@given(st.lists(st.floats(0, 5), max_size=30), st.lists(st.floats(-5, 0), min_size=30, max_size=30))
def test_steps_within_the_limit_are_never_refused(steps: list[float], delays: list[float]) -> None:
    times = np.cumsum([NOW, *steps]) + np.array([0.0, *delays[: len(steps)]])
    assert refused(times.tolist()) == []
