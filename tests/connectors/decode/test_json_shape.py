"""The same events in flat, nested, enveloped and array records are decoded to the same columns, bit for bit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.json_layout import Layout
from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.schema import ColumnRoles

if TYPE_CHECKING:
    from stream_rnn.connectors.decode.columns import Columns

PATHS = ("ENERGY.Power", "values[1].v", "t")
ROLES = ColumnRoles("dev.id", "at.ts", "at.last", PATHS)
FLAT = ColumnRoles("key", "time", "end", ("a", "b", "t"))
NUMBER = st.one_of(st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
EVENT = st.fixed_dictionaries(
    {"key": st.sampled_from(["p", "q"]), "time": st.integers(0, 9)},
    optional={"a": NUMBER, "b": NUMBER, "t": NUMBER, "end": st.booleans()},
)
EVENTS = st.lists(EVENT, min_size=1, max_size=6)


def nested(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its fields where `ROLES` says they are."""
    places = {
        "key": lambda value: {"dev": {"id": value}},
        "a": lambda value: {"ENERGY": {"Power": value, "Total": 1}},
        "b": lambda value: {"values": [{"v": 0}, {"v": value}, 7]},
        "t": lambda value: {"t": value},
    }
    at = {name: event[old] for name, old in (("ts", "time"), ("last", "end")) if old in event}
    record: dict[str, Any] = {"at": at}
    for name, place in places.items():
        if name in event:
            record |= place(event[name])
    return record


def encoded(values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


def rows(columns: Columns) -> list[Any]:
    """Return what each row is, or why it is not."""
    arrays = [columns.keys, columns.times, columns.ends, *columns.inputs.values()]
    return [columns.reasons.get(i, repr([array[i] for array in arrays])) for i in range(len(columns.times))]


def flat_rows(events: list[dict[str, Any]]) -> list[Any]:
    return rows(JsonDecoder(FLAT).decode(encoded(events)).columns)


@given(EVENTS)
def test_a_nested_path_is_as_the_field_of_a_flat_record(events: list[dict[str, Any]]) -> None:
    assert rows(JsonDecoder(ROLES).decode(encoded(map(nested, events))).columns) == flat_rows(events)


@given(EVENTS)
def test_fields_whose_names_are_paths_are_as_nested_ones(events: list[dict[str, Any]]) -> None:
    names = {"key": "dev.id", "time": "at.ts", "end": "at.last", "a": "ENERGY.Power", "b": "values[1].v", "t": "t"}
    renamed = [{names[name]: value for name, value in event.items()} for event in events]
    assert rows(JsonDecoder(ROLES).decode(encoded(renamed)).columns) == flat_rows(events)


ENVELOPES = {
    "Connect": lambda event: {"schema": {"type": "struct"}, "payload": event},
    "Debezium": lambda event: {"op": "u", "before": None, "after": event, "ts_ms": 5, "source": {"a": 1}},
    "Debezium in Connect": lambda event: {"schema": None, "payload": {"op": "c", "before": None, "after": event}},
    "CloudEvents": lambda event: {"specversion": "1.0", "id": "7", "source": "/s", "type": "t", "data": event},
    "CloudEvents with an extension": lambda event: {"specversion": "1.0", "traceparent": "0", "data": event},
    "array of one": lambda event: [event],
    "CloudEvents with an array": lambda event: {"specversion": "1.0", "data": [event]},
}


@pytest.mark.parametrize("name", ENVELOPES)
@given(events=EVENTS)
def test_an_envelope_changes_nothing(name: str, events: list[dict[str, Any]]) -> None:
    decoder = JsonDecoder(FLAT)
    usable = [event for event in events if {"a", "b", "t"} & event.keys()]
    records = encoded(map(ENVELOPES[name], usable))
    for _ in range(2):  # the second time its layout is known
        decoded = decoder.decode(records)
        assert rows(decoded.columns) == flat_rows(usable)
        assert decoded.records.tolist() == list(range(len(usable)))


@given(events=EVENTS, size=st.integers(1, 3), bare=st.booleans())
def test_elements_of_an_array_are_as_records(events: list[dict[str, Any]], size: int, bare: bool) -> None:
    groups = [events[i : i + size] for i in range(0, len(events), size)]
    roles = FLAT if bare else ColumnRoles("key", "time", "end", ("a", "b", "t"), records="g.values")
    decoder = JsonDecoder(roles)
    records = encoded(groups if bare else [{"g": {"values": group}} for group in groups])
    for _ in range(2):
        columns, numbers, refused = decoder.decode(records)
        assert refused == {}
        assert rows(columns) == flat_rows(events)
        assert numbers.tolist() == [i // size for i in range(len(events))]
        assert columns.element_numbers.tolist() == [i % size for i in range(len(events))]


@given(EVENTS)
def test_elements_inherit_the_fields_around_them(events: list[dict[str, Any]]) -> None:
    roles = ColumnRoles("key", "time", "end", ("a", "b", "t"), unwrap="up", records="values")
    wrapped = [
        {
            "key": "outer",
            "time": 77,
            "up": {"key": event["key"], "values": [{n: event[n] for n in event if n != "key"}]},
        }
        for event in events
    ]
    without = [event | {"time": 77} if "time" not in event else event for event in events]
    assert rows(JsonDecoder(roles).decode(encoded(wrapped)).columns) == flat_rows(without)


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "1", "warm", "NA"])),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "t", "payload", "schema", "after", "op"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "roles",
    [
        ColumnRoles(None, "t", None, ("a.b",)),
        ColumnRoles("t", None, None, ("a", "b")),
        ColumnRoles(None, None, "t", ("a", "a.b")),
        ColumnRoles(None, None, None, ("b[0].a", "a.b")),
        ColumnRoles("t", None, None, ("b",), records="a"),
        ColumnRoles("t", None, None, ("b",), unwrap="a.b"),
        ColumnRoles(None, None, None, ("payload.a",)),
    ],
)
@given(records=st.lists(ANY, min_size=1, max_size=6), tried=st.booleans())
def test_no_result_depends_on_the_layout_that_is_tried(roles: ColumnRoles, records: list[Any], tried: bool) -> None:
    decoder, slow = JsonDecoder(roles), JsonDecoder(roles)
    slow._layouts = dict.fromkeys([(slow._steps, True), (slow._steps, False)])  # none is tried
    if tried:
        decoder.decode(encoded(records))
    lines = encoded(records)
    fast, expected = decoder.decode(lines), [slow.decode([line]) for line in lines]
    assert fast.refused == {i: one.refused[0] for i, one in enumerate(expected) if one.refused}
    assert rows(fast.columns) == [row for one in expected for row in rows(one.columns)]
    words = [(bad.column, bad.words) for bad in fast.columns.bad_values]
    assert sorted(words) == sorted((bad.column, bad.words) for one in expected for bad in one.columns.bad_values)
    assert fast.records.tolist() == [i for i, one in enumerate(expected) for _ in one.records]


def test_most_records_of_one_shape_are_decoded_in_its_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = JsonDecoder(ColumnRoles(None, None, None, ("x",)))
    records = encoded({"schema": {}, "payload": {"x": i}} for i in range(9))
    decoder.decode(records)
    seen: list[int] = []
    table = Layout.table
    monkeypatch.setattr(Layout, "table", lambda self, decoded: (seen.append(len(decoded)), table(self, decoded))[1])
    decoder.decode([*records, b"?"])
    assert seen == [9]
    assert list(decoder.recognised) == ["Kafka Connect envelopes around 'payload'"]


@pytest.mark.parametrize(
    ("roles", "record", "outcome"),
    [
        (ColumnRoles(None, None, None, ("a.b",)), {"a": 7}, ["<number>"]),
        (ColumnRoles(None, None, None, ("a.b",), bad_values="refuse"), {"a": 7}, "column 'a.b': not a number"),
        (ColumnRoles(None, None, None, ("a.b",)), {"a": {}}, "has none of the columns"),
        (ColumnRoles(None, None, None, ("a.b", "c")), {"a": None, "c": 1}, []),
        (ColumnRoles(None, "a.b", None, ("c",)), {"a": 7, "c": 1}, "column 'a.b': not a time"),
        (ColumnRoles("a.b", None, None, ("c",)), {"a": 7, "c": 1}, "column 'a.b': key is missing or not UTF-8"),
        (ColumnRoles(None, None, None, ("c",)), [], "array is empty"),
        (ColumnRoles(None, None, None, ("c",)), [1, 2], "not a JSON object"),
        (ColumnRoles(None, None, None, ("[1]",)), [1, 2], []),
        (ColumnRoles(None, None, None, ("value",)), 21.5, []),
        (ColumnRoles(None, None, None, ("c",)), 21.5, "not a JSON object"),
        (ColumnRoles(None, None, None, ("c",), unwrap="p.q"), {"c": 1}, "has no 'p.q'"),
        (ColumnRoles(None, None, None, ("c",), unwrap="p"), {"p": None}, "record has no value"),
        (ColumnRoles(None, None, None, ("c",), records="p"), {"p": {"c": 1}}, "has no array 'p'"),
        (ColumnRoles(None, None, None, ("c",)), {"schema": {}, "payload": None}, "record has no value"),
        (ColumnRoles(None, None, None, ("c",)), {"payload": {"c": 1}}, "has none of the columns"),
        (ColumnRoles(None, None, None, ("c",)), {"op": "x", "after": {"c": 1}}, "has none of the columns"),
    ],
)
def test_a_record_has_an_event_or_a_reason(roles: ColumnRoles, record: Any, outcome: Any) -> None:
    columns, _, refused = JsonDecoder(roles).decode(encoded([record]))
    if isinstance(outcome, str):
        assert [*refused.values(), *columns.reasons.values()] == [outcome]
    else:
        assert (refused, columns.reasons) == ({}, {})
        assert [word for bad in columns.bad_values for word in bad.words] == outcome


def test_an_element_that_cannot_be_used_costs_nothing_but_itself() -> None:
    record = encoded([[{"x": 1}, 7, {"y": 2}, {"x": 3}, None]])
    columns, numbers, refused = JsonDecoder(ColumnRoles(None, None, None, ("x",))).decode(record)
    assert (refused, numbers.tolist()) == ({}, [0] * 5)
    assert columns.reasons == {1: "not a JSON object", 2: "has none of the columns", 4: "not a JSON object"}
    np.testing.assert_array_equal(columns.inputs["x"][[0, 3]], [1.0, 3.0])
