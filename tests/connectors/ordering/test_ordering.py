"""Events are released in order of time within the lateness; late events and duplicates are reported and counted."""

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
from stream_rnn.connectors.ordering import buffer
from stream_rnn.connectors.ordering.clock import Clock
from stream_rnn.connectors.ordering.ordering import AHEAD, LATE, Ordering, OrderingPolicy, OrderingState

if TYPE_CHECKING:
    from collections.abc import Sequence

Event = tuple[str, float]

NAN = math.nan
SOURCES = {0: "a.csv", 1: "b.csv"}
POLICIES = [
    OrderingPolicy(None, "drop"),
    OrderingPolicy(0.0),
    OrderingPolicy(3.0),
    OrderingPolicy(3.0, "drop"),
    OrderingPolicy(8.0, "drop"),
    OrderingPolicy(max_ahead=4.0),
    OrderingPolicy(3.0, "drop", max_ahead=4.0),
]
EVENTS = st.lists(st.tuples(st.sampled_from("kl"), st.sampled_from([NAN, *map(float, range(12))])), max_size=30)
SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)


class Outcome(NamedTuple):
    """What happened to events, by their numbers."""

    released: list[int]
    released_by: list[int]
    late: list[int]
    ahead: list[int]
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


def new_ordering(policy: OrderingPolicy) -> Ordering:
    return Ordering(policy, ("n",), SOURCES)


def restored(saved: Ordering) -> Ordering:
    """Return an ordering that continues from the state of another one, saved as JSON and arrays."""
    metadata, arrays = saved.state()
    result = new_ordering(saved.policy)
    result.restore(OrderingState(json.loads(json.dumps(metadata)), arrays))
    return result


def numbers(events: EventBatch) -> list[int]:
    return [int(n) for n in events.columns["n"]]


@mock.patch.object(buffer, "MIN_CAPACITY", 2)  # so that gaps are removed from few rows, too
def outcome_of(
    policy: OrderingPolicy, events: Sequence[Event], sizes: Sequence[int] = (1000,), *, restart: bool = False
) -> Outcome:
    """Put events in order, in batches of these sizes in turn; with `restart`, restore the state after each batch."""
    ordering, outcome, at = new_ordering(policy), Outcome([], [], [], [], [], []), 0
    for turn in range(len(events)):
        part = events[at : at + sizes[turn % len(sizes)]]
        ordered = ordering.process(batch(part, at))
        outcome.released.extend(numbers(ordered.events))
        outcome.released_by.extend(ordered.released_by.tolist())
        outcome.late.extend(letter.record for letter in ordered.late)
        outcome.ahead.extend(letter.record for letter in ordered.ahead)
        outcome.duplicates.extend(ordered.duplicates.tolist())
        at += len(part)
        ordering = restored(ordering) if restart else ordering
    assert (ordering.late, ordering.duplicates) == (len(outcome.late), len(outcome.duplicates))
    outcome.rest.extend(numbers(ordering.finish()))
    return outcome


def expected(policy: OrderingPolicy, events: Sequence[Event]) -> Outcome:
    """Return the outcome one event at a time."""
    outcome = Outcome([], [], [], [], [], [])
    clock = Clock(policy.max_ahead)
    newest: dict[str, float] = {}
    last: dict[str, float] = {}
    held: list[tuple[float, int, str]] = []
    for n, (key, time) in enumerate(events):
        if math.isnan(time):
            outcome.released.append(n)
            outcome.released_by.append(n)
            continue
        if clock.is_ahead(np.array([time]))[0]:
            outcome.ahead.append(n)
            continue
        if policy.lateness is not None and time < newest.get(key, -math.inf) - policy.lateness:
            outcome.late.append(n)
            continue
        if policy.duplicates == "drop" and (
            last.get(key) == time or any((time, key) == (other, name) for other, _, name in held)
        ):
            outcome.duplicates.append(n)
            continue
        newest[key] = max(time, newest.get(key, -math.inf))
        held.append((time, n, key))
        reach = math.inf if policy.lateness is None else newest[key] - policy.lateness
        for event in sorted(event for event in held if event[2] == key and event[0] <= reach):
            held.remove(event)
            outcome.released.append(event[1])
            outcome.released_by.append(n)
            last[key] = event[0]
    outcome.rest.extend(n for _, n, _ in sorted(held))
    return outcome


@given(st.sampled_from(POLICIES), EVENTS, SIZES)
def test_the_outcome_depends_only_on_the_order_of_events_not_on_batches(
    policy: OrderingPolicy, events: list[Event], sizes: list[int]
) -> None:
    assert outcome_of(policy, events, sizes) == outcome_of(policy, events) == expected(policy, events)


@given(st.sampled_from(POLICIES), EVENTS, SIZES)
def test_a_restored_ordering_continues_as_if_never_stopped(
    policy: OrderingPolicy, events: list[Event], sizes: list[int]
) -> None:
    assert outcome_of(policy, events, sizes, restart=True) == outcome_of(policy, events)


def test_each_file_has_a_clock_of_its_own() -> None:
    events = batch([("k", 0.0), ("k", 100.0), ("k", 1.0), ("k", 101.0), ("k", 50.0)])
    events.positions.file[:] = [0, 1, 0, 1, 0]
    ordered = new_ordering(OrderingPolicy(max_ahead=10.0)).process(events)
    assert numbers(ordered.events) == [0, 1, 2, 3]
    assert [(letter.source, letter.record, letter.reason) for letter in ordered.ahead] == [("a.csv", 4, AHEAD)]


def test_a_time_too_far_ahead_does_not_make_later_events_late() -> None:
    events = batch([("k", 0.0), ("k", 9e9), ("k", 1.0), ("k", 20.0)])
    ordered = new_ordering(OrderingPolicy(3.0, max_ahead=100.0)).process(events)
    assert (numbers(ordered.events), ordered.late) == ([0, 2], [])


@given(st.lists(st.tuples(st.sampled_from("kl"), st.integers(0, 30)), unique=True, max_size=30), st.data())
def test_a_shuffle_within_the_lateness_is_undone(readings: list[tuple[str, int]], data: Any) -> None:
    sent = sorted((float(time), key) for key, time in readings)
    delays = data.draw(st.lists(st.floats(0, 5), min_size=len(sent), max_size=len(sent)))
    arrivals = sorted((time + delay, time, key) for (time, key), delay in zip(sent, delays, strict=True))
    events = [(key, time) for _, time, key in arrivals]
    outcome = outcome_of(OrderingPolicy(5.0, "drop"), events, (4,))
    for key in "kl":
        ordered = [events[n][1] for n in outcome.released + outcome.rest if events[n][0] == key]
        assert ordered == [time for time, name in sent if name == key]
    assert outcome.late == outcome.duplicates == []


def test_an_event_is_held_until_its_own_stream_is_ahead_by_the_lateness() -> None:
    events = [("k", 0.0), ("l", 100.0), ("k", 4.9), ("k", 5.0)]
    outcome = outcome_of(OrderingPolicy(5.0), events)
    assert (outcome.released, outcome.released_by, outcome.rest) == ([0], [3], [2, 3, 1])


def test_a_late_event_is_refused_with_its_position_and_one_at_the_limit_is_released() -> None:
    ordered = new_ordering(OrderingPolicy(5.0)).process(batch([("k", 10.0), ("k", 4.9), ("k", 5.0)], first=7))
    assert [(letter.source, letter.record, letter.reason) for letter in ordered.late] == [("a.csv", 8, LATE)]
    assert numbers(ordered.events) == [9]


def test_a_repeated_time_is_a_duplicate_only_in_its_own_stream_and_if_they_are_dropped() -> None:
    events = [("k", 1.0), ("k", 2.0), ("l", 2.0), ("k", 2.0), ("k", 1.0)]
    assert outcome_of(OrderingPolicy(9.0, "drop"), events).duplicates == [3, 4]
    assert outcome_of(OrderingPolicy(9.0, "keep"), events).duplicates == []


def test_a_record_that_is_read_twice_is_dropped_even_without_a_time() -> None:
    ordering = new_ordering(OrderingPolicy(None, "drop"))
    ordering.process(batch([("k", NAN), ("k", 1.0)]))
    again = ordering.process(batch([("k", NAN), ("k", 1.0), ("k", 3.0)]))
    assert (again.duplicates.tolist(), numbers(again.events)) == ([0, 1], [2])


def test_records_of_different_files_are_not_duplicates() -> None:
    ordering = new_ordering(OrderingPolicy(None, "drop"))
    one = batch([("k", 1.0)])
    other = EventBatch(one.keys, one.times + 1, one.columns, one.ends, Positions(one.positions.file + 1, np.array([0])))
    assert [len(ordering.process(events).events) for events in (one, other)] == [1, 1]


def test_files_are_identified_by_name_when_their_order_changes() -> None:
    ordering = new_ordering(OrderingPolicy(3.0, "drop"))
    ordering.process(batch([("k", 1.0), ("k", 2.0)]))
    moved = Ordering(ordering.policy, ("n",), {0: "b.csv", 1: "a.csv"})
    moved.restore(ordering.state())
    assert moved.process(batch([("k", 3.0)])).duplicates.tolist() == []  # the first of b.csv
    assert moved.finish().positions.file.tolist() == [1, 1, 0]


def test_an_event_after_the_end_that_is_older_than_released_ones_is_late() -> None:
    ordering = new_ordering(OrderingPolicy(5.0))
    ordering.process(batch([("k", 1.0), ("k", 2.0)]))
    assert numbers(ordering.finish()) == [0, 1]
    after = ordering.process(batch([("k", 1.5), ("k", 2.5)], first=2))
    assert [letter.record for letter in after.late] == [2]
    assert numbers(ordering.finish()) == [3]


def test_events_that_were_released_but_not_processed_are_saved() -> None:
    ordering = new_ordering(OrderingPolicy(0.0))
    ordered = ordering.process(batch([("k", 1.0), ("l", 2.0), ("k", 3.0)]))
    restarted = new_ordering(OrderingPolicy(0.0))
    restarted.restore(ordering.state(ready=ordered.events[1:]))
    assert numbers(restarted.ready) == [1, 2]
    assert restarted.ready.keys.tolist() == ["l", "k"]


def test_another_policy_applies_to_events_that_were_held_back() -> None:
    ordering = new_ordering(OrderingPolicy(9.0))
    ordering.process(batch([("k", 2.0), ("k", 1.0), ("l", 1.0)]))
    passing = new_ordering(OrderingPolicy())
    passing.restore(ordering.state())
    assert numbers(passing.process(batch([("k", 3.0)], first=3)).events) == [1, 0, 3]
    assert numbers(passing.finish()) == [2]


def test_saved_events_with_other_columns_are_refused() -> None:
    ordering = new_ordering(OrderingPolicy(9.0))
    with pytest.raises(ConnectorError, match=r"held back have the columns n, the source has m"):
        Ordering(OrderingPolicy(9.0), ("m",), SOURCES).restore(ordering.state())
