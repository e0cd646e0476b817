"""Batches take about the same time, whatever the network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import engine_of, series

from stream_rnn.compiled.step import process
from stream_rnn.engine.batch_size import GROWTH, SECONDS, BatchSize


@given(st.lists(st.floats(1e-7, 100.0), min_size=1, max_size=30))
def test_a_batch_is_never_planned_to_take_longer_than_intended_unless_a_single_event_does(paces: list[float]) -> None:
    size = BatchSize()
    for seconds_per_event in paces:
        events = size.next
        size.measured(events, events * seconds_per_event)
        assert 1 <= size.next <= GROWTH * events
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
    assert 0.9 * SECONDS < size.next * 1e-5 <= SECONDS


def test_the_engine_processes_a_batch_in_parts_that_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, sizes = 0.0, []

    def slow(core: Any, batch: Any) -> None:
        nonlocal seconds
        sizes.append(len(batch.values["events"].slots))
        seconds += 0.02 * sizes[-1]
        process(core, batch)

    monkeypatch.setattr("stream_rnn.engine.engine.process", slow)
    monkeypatch.setattr("stream_rnn.engine.engine.perf_counter", lambda: seconds)
    engine_of().process("s", series(100))
    assert sum(sizes) == 100
    assert max(sizes) * 0.02 <= SECONDS
