"""Local times become UTC as zoneinfo says; the order tells the two passes of a repeated hour apart."""

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.local_times import Passes, candidates_of, nearest
from stream_rnn.timezones import offsets_of

ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Europe/Dublin"]
)
BERLIN = "Europe/Berlin"
SET_BACK = dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC).timestamp()
"""When clocks in Berlin were set back from three to two."""


def local(times: np.ndarray, timezone: str = BERLIN) -> np.ndarray:
    return times + offsets_of(timezone).at(times)


def around(change: float, step: float, hours: int = 6) -> np.ndarray:
    """Return the times of a stream with events at regular intervals, from some hours before a change until after it."""
    return np.arange(change - hours * 3600, change + hours * 3600, step)


@given(ZONES, st.integers(0, 4_000_000_000))
def test_a_local_time_is_read_as_zoneinfo_reads_it(timezone: str, wall: int) -> None:
    zone, naive = zoneinfo.ZoneInfo(timezone), dt.datetime.fromtimestamp(wall, dt.UTC).replace(tzinfo=None)
    moments = [naive.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
    exists = [moment.astimezone(zone).replace(tzinfo=None) == naive for moment in moments]
    first, second = candidates_of(np.array([float(wall)]), timezone)
    if any(exists):
        assert [first[0], second[0]] == [moment.timestamp() for moment in moments]
    else:
        assert np.isnan(first[0])


@given(ZONES, st.data(), st.sampled_from([60.0, 300.0, 900.0]))
def test_a_regular_stream_is_read_as_it_was_written(timezone: str, data: st.DataObject, step: float) -> None:
    change = data.draw(st.sampled_from(offsets_of(timezone).starts[-100:].tolist()))
    times = around(change, step)
    np.testing.assert_array_equal(Passes(timezone).resolve([""] * len(times), local(times, timezone)), times)


@given(st.lists(st.integers(0, 143), max_size=5), st.sampled_from([300.0, 3600.0]))
def test_the_result_does_not_depend_on_how_records_are_cut(cuts: list[int], step: float) -> None:
    times = np.repeat(around(SET_BACK, step), 2)
    keys = np.array(["a", "b"] * (len(times) // 2), object)
    passes, walls = Passes(BERLIN), local(times)
    edges = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    parts = [passes.resolve(keys[i:j], walls[i:j]) for i, j in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), times)


def test_the_time_of_an_hourly_stream_that_occurs_twice_is_not_a_duplicate() -> None:
    times = around(SET_BACK, 3600.0)
    np.testing.assert_array_equal(Passes(BERLIN).resolve(["s"] * len(times), local(times)), times)


def test_a_repeated_record_of_a_fast_stream_is_a_duplicate() -> None:
    times = np.repeat(around(SET_BACK, 600.0), 2)
    np.testing.assert_array_equal(Passes(BERLIN).resolve(["s"] * len(times), local(times)), times)


def test_each_stream_has_its_own_pass() -> None:
    times = around(SET_BACK, 600.0)
    keys, both = ["a"] * len(times) + ["b"] * len(times), np.concatenate([times, times])
    np.testing.assert_array_equal(Passes(BERLIN).resolve(keys, local(both)), both)


@pytest.mark.parametrize("late", [-3600.0, 3600.0])
def test_of_two_times_the_one_nearer_to_the_records_timestamp_is_meant(late: float) -> None:
    time = np.array([SET_BACK + np.sign(late) * 600.0])
    np.testing.assert_array_equal(nearest(local(time), BERLIN, time + late / 10), time)
