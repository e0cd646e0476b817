"""What a shape makes of records does not depend on batches and restarts, and is what one-at-a-time references say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shaping import Outcome, Record, batch, outcome_of

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.connectors.shapes.reshaping import Reshaping
from stream_rnn.connectors.shapes.shape import Shape, check_same

if TYPE_CHECKING:
    from collections.abc import Sequence

NAN = math.nan
SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)
NUMBERS = st.sampled_from([NAN, *(float(n) for n in range(-3, 9))])
TIMES = st.sampled_from([float(t) / 2 for t in range(24)])
TAGS = ("load", "flow", "level")
READINGS = st.lists(
    st.builds(
        Record, st.sampled_from("kl"), TIMES, st.tuples(st.sampled_from([0.0, 1.0, 2.0]), NUMBERS), st.booleans()
    ),
    max_size=40,
)
ROWS = st.lists(st.builds(Record, st.sampled_from(["", "k"]), TIMES, st.tuples(NUMBERS, NUMBERS)), max_size=30)
PIVOTS = [Shape(pivot=("tag", "value"), tolerance=tolerance) for tolerance in (0.0, 0.5, 2.0)]
OTHERS = [
    Shape(every=1.0, max_gap=2),
    Shape(every=2.5, aggregate="mean"),
    Shape(wide=True),
    Shape(wide=True, every=2.0),
]
LAST: Literal["last"] = "last"
MEAN: Literal["mean"] = "mean"


def in_order(records: Sequence[Record], lateness: float) -> list[Record]:
    """Return the records of one key that are not late, in order of time."""
    newest, kept = -math.inf, []
    for record in records:
        if record.time >= newest - lateness:
            newest = max(record.time, newest)
            kept.append(record)
    return sorted(kept, key=lambda record: record.time)


def pivoted(records: Sequence[Record], tolerance: float) -> list[tuple[object, ...]]:
    """Pivot one reading at a time; return key, time, values and end of each event, by (key, time)."""
    events: list[tuple[object, ...]] = []
    for key in sorted({record.key for record in records}):
        event: dict[int, Record] = {}
        start, end = NAN, False
        for reading in [*in_order([r for r in records if r.key == key], tolerance), Record(key, math.inf, (0, 0))]:
            tag = int(reading.cells[0])
            if event and (reading.time > start + tolerance or event.get(tag, reading).time != reading.time):
                found = [event[tag].cells[1] if tag in event else NAN for tag in range(len(TAGS))]
                events.append((key, start, *(None if math.isnan(value) else value for value in found), end))
                event, end = {}, False
            start, end = start if event else reading.time, end or reading.end
            event[tag] = reading
    return events


def check(shape: Shape, records: Sequence[Record], sizes: Sequence[int], columns: Sequence[str]) -> Outcome:
    """Check that batches and restarts change nothing, and return the outcome."""
    tags = TAGS if shape.pivot else ()
    whole = outcome_of(shape, records, columns, tags=tags)
    assert outcome_of(shape, records, columns, tags=tags, sizes=sizes) == whole
    assert outcome_of(shape, records, columns, tags=tags, sizes=sizes, restart=True) == whole
    return whole


@given(st.sampled_from(PIVOTS), READINGS, SIZES)
def test_readings_form_the_events_that_one_at_a_time_gives(
    shape: Shape, records: list[Record], sizes: list[int]
) -> None:
    outcome = check(shape, records, sizes, ("tag", "value"))
    assert sorted((row[:-2] for row in outcome.events), key=lambda row: row[:2]) == pivoted(records, shape.tolerance)
    released_by = [row[-1] for row in outcome.events if row[-1] >= 0]
    assert released_by == sorted(released_by)


@given(st.sampled_from(OTHERS), ROWS, SIZES)
def test_batches_and_restarts_change_nothing(shape: Shape, records: list[Record], sizes: list[int]) -> None:
    check(shape, records, sizes, ("a", "b"))


@given(READINGS, SIZES)
def test_readings_are_pivoted_and_then_resampled(records: list[Record], sizes: list[int]) -> None:
    check(Shape(pivot=("tag", "value"), tolerance=0.5, every=2.0), records, sizes, ("tag", "value"))


@given(st.sampled_from([LAST, MEAN]), st.sampled_from([1.0, 2.5, 0.3]), st.lists(st.tuples(TIMES, NUMBERS, NUMBERS)))
def test_resampling_equals_that_of_pandas(
    aggregate: Literal["last", "mean"], every: float, values: list[tuple[float, float, float]]
) -> None:
    records = [Record("", time, (a, b)) for time, a, b in sorted(values, key=lambda row: row[0])]
    outcome = outcome_of(Shape(every=every, aggregate=aggregate), records, ("a", "b"))
    index = pd.to_datetime([round(record.time * 1000) for record in records], unit="ms")
    frame = pd.DataFrame([record.cells for record in records], index, columns=["a", "b"], dtype=float)
    expected = frame.resample(f"{round(every * 1000)}ms", origin="epoch").agg(aggregate)
    assert [row[1] for row in outcome.events] == pytest.approx([time.timestamp() for time in expected.index])
    found = np.array([row[2:4] for row in outcome.events], np.float64).reshape(-1, 2)
    np.testing.assert_allclose(found, expected.to_numpy(), rtol=1e-12)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=8))
def test_a_melted_table_is_pivoted_back(table: list[tuple[float, ...]]) -> None:
    readings = [Record("", float(t), (float(tag), row[tag])) for t, row in enumerate(table) for tag in (2, 0, 1)]
    outcome = outcome_of(PIVOTS[0], readings, ("tag", "value"), tags=TAGS)
    found = np.array([row[2:5] for row in outcome.events], np.float64).reshape(-1, 3)
    np.testing.assert_array_equal(found, np.array(table, np.float64).reshape(-1, 3))


@given(ROWS)
def test_a_wide_table_is_the_melted_one_with_a_key(records: list[Record]) -> None:
    outcome = outcome_of(Shape(wide=True), records, ("a", "b"))
    melted = [
        (f"{record.key}/{name}" if record.key else name, record.time, None if math.isnan(value) else value)
        for record in records
        for name, value in zip("ab", record.cells, strict=True)
    ]
    assert [row[:3] for row in outcome.events] == melted


def test_late_readings_wait_for_the_tolerance_and_later_ones_are_refused() -> None:
    given = [(0.0, (0, 1)), (2.0, (0, 2)), (0.5, (1, 3)), (5.0, (0, 4)), (1.0, (1, 9))]
    outcome = outcome_of(PIVOTS[2], [Record("", *reading) for reading in given], ("tag", "value"), tags=TAGS)
    assert [row[1:4] for row in outcome.events] == [(0.0, 1.0, 3.0), (2.0, 2.0, None), (5.0, 4.0, None)]
    assert outcome.late == [4]


def test_of_two_values_for_one_tag_at_one_time_the_last_is_used_and_the_other_counted() -> None:
    readings = [Record("", *reading) for reading in [(0.0, (0, 1)), (0.0, (1, 5)), (0.0, (0, 2)), (1.0, (0, 3))]]
    outcome = outcome_of(PIVOTS[0], readings, ("tag", "value"), tags=TAGS, sizes=(2, 1))
    assert [row[1:4] for row in outcome.events] == [(0.0, 2.0, 5.0), (1.0, 3.0, None)]
    assert outcome.counts == {"replaced": 1}


def test_a_short_gap_is_filled_and_a_long_one_ends_the_sequence() -> None:
    year = 365 * 86_400.0
    records = [Record("", time, (time, 0.0)) for time in (0.0, 3.0, year)]
    outcome = outcome_of(Shape(every=1.0, max_gap=2), records, ("a", "b"))
    found = [(row[1], row[2], row[4]) for row in outcome.events]
    assert found[:3] == [(0.0, 0.0, False), (1.0, None, False), (2.0, None, False)]
    assert found[3:] == [(3.0, 3.0, True), (year, year, False)]
    assert outcome.counts == {"filled": 2, "gaps": 1}


def test_a_gap_after_the_end_of_a_sequence_is_not_filled() -> None:
    records = [Record("", 0.0, (1.0, 1.0), end=True), Record("", 5.0, (2.0, 2.0))]
    outcome = outcome_of(Shape(every=1.0, max_gap=2), records, ("a", "b"))
    assert [row[1] for row in outcome.events] == [0.0, 5.0]
    assert outcome.counts == {"filled": 0, "gaps": 0}


def test_times_that_go_back_are_late_where_an_event_is_closed_by_a_later_one() -> None:
    records = [Record("", time, (1.0, 1.0)) for time in (0.0, 5.0, 3.0, 6.0)]
    assert outcome_of(Shape(every=1.0), records, ("a", "b")).late == [2]
    assert outcome_of(Shape(every=1.0), records, ("a", "b"), lateness=2.0).late == []


def test_streams_of_a_wide_source_have_distinct_keys() -> None:
    with pytest.raises(ConnectorError, match=r"^columns 'x/a' and 'a' cannot both be streams of a wide source"):
        Reshaping(Shape(wide=True), OrderingPolicy(), ("a", "x/a"), {0: "a.csv"})


@pytest.mark.parametrize("other", [Shape(), Shape(every=2.0), Shape(every=1.0, aggregate="mean")])
def test_a_state_belongs_to_its_shape(other: Shape) -> None:
    check_same(Shape(every=1.0).describe(), Shape(every=1.0))
    with pytest.raises(ConnectorError, match=r"the checkpoint has \w+ = .*, the settings have "):
        check_same(Shape(every=1.0).describe(), other)


def test_a_constant_time_does_not_accumulate_readings() -> None:
    reshaping = Reshaping(PIVOTS[0], OrderingPolicy(), ("tag", "value"), {0: "a.csv"}, TAGS)
    for first in range(0, 3000, 300):
        reshaping.process(batch([Record("", 1.0, (0, 2.0))] * 300, ("tag", "value"), first))
    assert reshaping.held == 1
