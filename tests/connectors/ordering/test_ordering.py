"""Events are put in order of time within the lateness; what is later, or came before, is told and counted."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import EventBatch, Positions
from stream_rnn.connectors.ordering import buffer as held
from stream_rnn.connectors.ordering.ordering import LATE, Ordering, OrderingPolicy, OrderingState

if TYPE_CHECKING:
    from collections.abc import Sequence

Event = tuple[str, float]

NAN = math.nan
PLACES = {0: "a.csv", 1: "b.csv"}
RULES = [
    OrderingPolicy(None, "drop"),
    OrderingPolicy(0.0),
    OrderingPolicy(3.0),
    OrderingPolicy(3.0, "drop"),
    OrderingPolicy(8.0, "drop"),
]
EVENTS = st.lists(st.tuples(st.sampled_from("kl"), st.sampled_from([NAN, *map(float, range(12))])), max_size=30)
CUTS = st.lists(st.integers(1, 7), min_size=1, max_size=5)


class Found(NamedTuple):
    """What became of events, each told by its number."""

    given: list[int]
    by: list[int]
    late: list[int]
    duplicates: list[int]
    rest: list[int]


def batch(events: Sequence[Event], first: int = 0) -> EventBatch:
    """Return events as one file's records; column n has their numbers."""
    numbers = np.arange(first, first + len(events))
    return EventBatch(
        np.array([*(key for key, _ in events), None], object)[:-1],
        np.array([time for _, time in events], np.float64),
        {"n": numbers.astype(float)},
        np.zeros(len(events), np.bool_),
        Positions(np.zeros(len(events), np.int32), numbers),
    )


def ordering(rule: OrderingPolicy) -> Ordering:
    return Ordering(rule, ("n",), PLACES)


def revived(stage: Ordering) -> Ordering:
    """Return a stage that goes on from the state of one, as JSON and arrays had it."""
    about, arrays = stage.state()
    again = ordering(stage.rule)
    again.restore(OrderingState(json.loads(json.dumps(about)), arrays))
    return again


def numbers(events: EventBatch) -> list[int]:
    return [int(n) for n in events.columns["n"]]


@mock.patch.object(held, "FEWEST", 2)  # gaps close up though there are few
def found(
    rule: OrderingPolicy, events: Sequence[Event], cuts: Sequence[int] = (1000,), *, revive: bool = False
) -> Found:
    """Put events in order, in batches of these sizes in turn."""
    stage, of, at = ordering(rule), Found([], [], [], [], []), 0
    for turn in range(len(events)):
        part = events[at : at + cuts[turn % len(cuts)]]
        ordered = stage.take(batch(part, at))
        of.given.extend(numbers(ordered.events))
        of.by.extend(ordered.released_by.tolist())
        of.late.extend(letter.record for letter in ordered.late)
        of.duplicates.extend(ordered.duplicates.tolist())
        at += len(part)
        stage = revived(stage) if revive else stage
    assert (stage.late, stage.duplicates) == (len(of.late), len(of.duplicates))
    of.rest.extend(numbers(stage.finish()))
    return of


def expected(rule: OrderingPolicy, events: Sequence[Event]) -> Found:
    """Say the same one event at a time."""
    of = Found([], [], [], [], [])
    newest: dict[str, float] = {}
    last: dict[str, float] = {}
    waiting: list[tuple[float, int, str]] = []
    for n, (key, time) in enumerate(events):
        if math.isnan(time):
            of.given.append(n)
            of.by.append(n)
            continue
        if rule.lateness is not None and time < newest.get(key, -math.inf) - rule.lateness:
            of.late.append(n)
            continue
        if rule.duplicates == "drop" and (
            last.get(key) == time or any((time, key) == (other, name) for other, _, name in waiting)
        ):
            of.duplicates.append(n)
            continue
        newest[key] = max(time, newest.get(key, -math.inf))
        waiting.append((time, n, key))
        reach = math.inf if rule.lateness is None else newest[key] - rule.lateness
        for event in sorted(event for event in waiting if event[2] == key and event[0] <= reach):
            waiting.remove(event)
            of.given.append(event[1])
            of.by.append(n)
            last[key] = event[0]
    of.rest.extend(n for _, n, _ in sorted(waiting))
    return of


@given(st.sampled_from(RULES), EVENTS, CUTS)
def test_what_becomes_of_events_depends_on_their_order_alone_not_on_batches(
    rule: OrderingPolicy, events: list[Event], cuts: list[int]
) -> None:
    assert found(rule, events, cuts) == found(rule, events) == expected(rule, events)


@given(st.sampled_from(RULES), EVENTS, CUTS)
def test_a_stage_that_is_kept_and_revived_at_any_moment_goes_on_as_if_never_stopped(
    rule: OrderingPolicy, events: list[Event], cuts: list[int]
) -> None:
    assert found(rule, events, cuts, revive=True) == found(rule, events)


@given(st.lists(st.tuples(st.sampled_from("kl"), st.integers(0, 30)), unique=True, max_size=30), st.data())
def test_a_shuffle_within_the_lateness_is_undone(readings: list[tuple[str, int]], data: Any) -> None:
    sent = sorted((float(time), key) for key, time in readings)
    delays = data.draw(st.lists(st.floats(0, 5), min_size=len(sent), max_size=len(sent)))
    arrivals = sorted((time + delay, time, key) for (time, key), delay in zip(sent, delays, strict=True))
    events = [(key, time) for _, time, key in arrivals]
    of = found(OrderingPolicy(5.0, "drop"), events, (4,))
    for key in "kl":
        ordered = [events[n][1] for n in of.given + of.rest if events[n][0] == key]
        assert ordered == [time for time, name in sent if name == key]
    assert of.late == of.duplicates == []


def test_an_event_waits_until_the_newest_of_its_own_stream_is_past_it_by_the_lateness() -> None:
    events = [("k", 0.0), ("l", 100.0), ("k", 4.9), ("k", 5.0)]
    of = found(OrderingPolicy(5.0), events)
    assert (of.given, of.by, of.rest) == ([0], [3], [2, 3, 1])


def test_a_late_event_is_refused_with_its_reason_and_place_and_one_at_the_limit_is_not() -> None:
    ordered = ordering(OrderingPolicy(5.0)).take(batch([("k", 10.0), ("k", 4.9), ("k", 5.0)], first=7))
    assert [(letter.source, letter.record, letter.reason) for letter in ordered.late] == [("a.csv", 8, LATE)]
    assert numbers(ordered.events) == [9]


def test_a_repeated_time_is_a_duplicate_only_in_its_own_stream_and_where_they_are_dropped() -> None:
    events = [("k", 1.0), ("k", 2.0), ("l", 2.0), ("k", 2.0), ("k", 1.0)]
    assert found(OrderingPolicy(9.0, "drop"), events).duplicates == [3, 4]
    assert found(OrderingPolicy(9.0, "keep"), events).duplicates == []


def test_a_record_that_is_read_again_is_dropped_even_without_a_time() -> None:
    stage = ordering(OrderingPolicy(None, "drop"))
    stage.take(batch([("k", NAN), ("k", 1.0)]))
    again = stage.take(batch([("k", NAN), ("k", 1.0), ("k", 3.0)]))
    assert (again.duplicates.tolist(), numbers(again.events)) == ([0, 1], [2])


def test_records_of_one_file_are_no_duplicates_of_another_files() -> None:
    stage = ordering(OrderingPolicy(None, "drop"))
    one = batch([("k", 1.0)])
    other = EventBatch(one.keys, one.times + 1, one.columns, one.ends, Positions(one.positions.file + 1, np.array([0])))
    assert [len(stage.take(events).events) for events in (one, other)] == [1, 1]


def test_files_are_known_by_name_when_they_stand_in_another_order() -> None:
    stage = ordering(OrderingPolicy(3.0, "drop"))
    stage.take(batch([("k", 1.0), ("k", 2.0)]))
    moved = Ordering(stage.rule, ("n",), {0: "b.csv", 1: "a.csv"})
    moved.restore(stage.state())
    assert moved.take(batch([("k", 3.0)])).duplicates.tolist() == []  # the first of b.csv
    assert moved.finish().positions.file.tolist() == [1, 1, 0]


def test_what_comes_after_the_end_is_not_put_before_what_was_given() -> None:
    stage = ordering(OrderingPolicy(5.0))
    stage.take(batch([("k", 1.0), ("k", 2.0)]))
    assert numbers(stage.finish()) == [0, 1]
    more = stage.take(batch([("k", 1.5), ("k", 2.5)], first=2))
    assert [letter.record for letter in more.late] == [2]
    assert numbers(stage.finish()) == [3]


def test_what_was_released_and_not_taken_is_kept() -> None:
    stage = ordering(OrderingPolicy(0.0))
    ordered = stage.take(batch([("k", 1.0), ("l", 2.0), ("k", 3.0)]))
    again = ordering(OrderingPolicy(0.0))
    again.restore(stage.state(ready=ordered.events[1:]))
    assert numbers(again.ready) == [1, 2]
    assert again.ready.keys.tolist() == ["l", "k"]


def test_under_another_rule_what_was_held_goes_on() -> None:
    stage = ordering(OrderingPolicy(9.0))
    stage.take(batch([("k", 2.0), ("k", 1.0), ("l", 1.0)]))
    off = ordering(OrderingPolicy())
    off.restore(stage.state())
    assert numbers(off.take(batch([("k", 3.0)], first=3)).events) == [1, 0, 3]
    assert numbers(off.finish()) == [2]


def test_what_was_held_of_other_columns_is_refused() -> None:
    stage = ordering(OrderingPolicy(9.0))
    with pytest.raises(ConnectorError, match=r"held back have the columns n, the source has m"):
        Ordering(OrderingPolicy(9.0), ("m",), PLACES).restore(stage.state())
