"""Batches take about the same time, whatever the network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.engine.batch_size import GROWTH, MAX_EVENTS, SECONDS, BatchSize


@given(st.lists(st.floats(1e-7, 100.0), min_size=1, max_size=30))
def test_a_batch_is_never_planned_to_take_longer_than_intended_unless_a_single_event_does(paces: list[float]) -> None:
    size = BatchSize()
    for seconds_per_event in paces:
        events = size.next
        size.measured(events, events * seconds_per_event)
        assert 1 <= size.next <= MAX_EVENTS
        assert size.next <= GROWTH * events
        assert size.next == 1 or size.next * seconds_per_event <= SECONDS * 1.001


@pytest.mark.parametrize("seconds", [0.0, 1e-12])
def test_a_clock_without_resolution_is_no_error(seconds: float) -> None:
    size = BatchSize()
    size.measured(10, seconds)
    assert size.next == GROWTH * 10


def test_it_recovers_after_a_slow_batch() -> None:
    size = BatchSize()
    size.measured(1, 60.0)  # such as the first, which compiles the kernel
    for _ in range(10):
        size.measured(size.next, size.next * 1e-5)
    assert size.next == MAX_EVENTS
