from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.files.merge import merge_by_time


class Recorded:
    """Times of a file in batches of a size, after so many empty batches."""

    def __init__(self, file: int, times: list[float], size: int, empty: int = 0) -> None:
        records = np.arange(len(times))
        events = EventBatch(
            np.full(len(times), "", object),
            np.array(times, dtype=np.float64),
            {},
            np.zeros(len(times), np.bool_),
            Positions(np.full(len(times), file, np.int32), records),
        )
        self._batches = iter([*[EventBatch.empty()] * empty, *events.split(size)] if times else [])

    def read(self) -> EventBatch | None:
        return next(self._batches, None)


def expected(files: list[list[float]]) -> list[tuple[int, int]]:
    """Return all events sorted by (latest time so far in the file, file, record)."""
    events = []
    for file, times in enumerate(files):
        for record, latest in enumerate(itertools.accumulate(times, max)):
            events.append((latest, file, record))
    return [(file, record) for _, file, record in sorted(events)]


TIMES = st.lists(st.integers(0, 9).map(float), max_size=20)


@given(st.lists(TIMES, max_size=4), st.integers(1, 6))
def test_the_merge_is_a_stable_sort_whatever_the_batches(files: list[list[float]], size: int) -> None:
    merged = list(merge_by_time([Recorded(i, times, size) for i, times in enumerate(files)]))
    events = [
        (int(file), int(record))
        for batch in merged
        for file, record in zip(batch.positions.file, batch.positions.record, strict=True)
    ]
    assert events == expected(files)


def test_a_time_far_ahead_does_not_delay_what_follows_it_in_its_file() -> None:
    files = [[0.0, 9e9, 2.0, 4.0], [1.0, 3.0, 5.0]]
    merged = [batch.times for batch in merge_by_time([Recorded(i, f, 10) for i, f in enumerate(files)], 100.0)]
    assert np.concatenate(merged).tolist() == [0.0, 9e9, 1.0, 2.0, 3.0, 4.0, 5.0]


@given(st.lists(TIMES.map(sorted), min_size=1, max_size=4), st.integers(1, 6))
def test_times_never_decrease_if_they_do_not_in_any_file(files: list[list[float]], size: int) -> None:
    times = [batch.times for batch in merge_by_time([Recorded(i, f, size) for i, f in enumerate(files)])]
    assert (np.diff(np.concatenate([np.zeros(0), *times])) >= 0).all()


def test_a_file_without_new_events_does_not_hold_the_others_back() -> None:
    merged = merge_by_time([Recorded(0, [1.0, 2.0], 1), Recorded(1, [0.0], 1, empty=1)])
    assert [batch.times.tolist() for batch in merged if len(batch)] == [[1.0], [0.0], [2.0]]


def test_a_merge_yields_batches_not_single_events() -> None:
    files = [Recorded(i, [float(t) for t in range(1000)], 1000) for i in range(3)]
    assert len(list(merge_by_time(files))) <= 4
