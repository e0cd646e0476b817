"""JSON records are decoded to the same columns in a batch and one by one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode import json_records
from stream_rnn.connectors.decode.json_records import JsonDecoder, parse_json
from stream_rnn.connectors.decode.json_shape import UnusableError
from stream_rnn.connectors.decode.schema import ColumnRoles
from stream_rnn.connectors.errors import UsageError

ROLES = ColumnRoles("k", "t", "last", ("x", "y"))
LENIENT = b'{"k": "slow", "t": 1, "x": NaN}'
"""Not JSON, and yet an event: a batch with it is decoded record by record."""

TEXT = st.text(max_size=4)
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none())
RECORD = st.fixed_dictionaries(
    {},
    optional={
        "k": st.one_of(TEXT, st.integers(-(2**63), 2**63)),
        "t": st.one_of(st.integers(-(10**13), 10**13), st.just("2024-01-31T00:00:00Z"), TEXT),
        "last": st.one_of(st.booleans(), st.none()),
        "x": NUMBER,
        "y": NUMBER,
    },
)


def decode(records: list[bytes]) -> dict[int, Any]:
    """Return the event of each record, or why there is none."""
    columns, rows, refused = JsonDecoder(ROLES).decode(records)
    arrays = [columns.keys, columns.times, columns.ends, *columns.inputs.values()]
    events = {
        int(row): columns.reasons.get(i, repr([array[i] for array in arrays])) for i, row in enumerate(rows.tolist())
    }
    return events | refused


@given(st.lists(RECORD.map(lambda fields: json.dumps(fields).encode()), min_size=1, max_size=8))
def test_records_are_the_same_decoded_in_a_batch_and_one_by_one(records: list[bytes]) -> None:
    one_by_one = decode([*records, LENIENT])
    one_by_one.pop(len(records))
    assert one_by_one == decode(records)


def test_columns_have_the_records_that_are_objects() -> None:
    columns, rows, refused = JsonDecoder(ROLES).decode(
        [b'{"k": "a", "t": 1, "x": 1}', b"?", b'{"k": "b", "t": 2, "y": 2}']
    )
    assert rows.tolist() == [0, 2]
    assert refused == {1: "not JSON"}
    assert columns.keys.tolist() == ["a", "b"]
    assert columns.times.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(columns.inputs["x"], [1.0, np.nan])


def test_no_records_have_empty_columns() -> None:
    columns, rows, refused = JsonDecoder(ROLES).decode([])
    assert (len(columns.keys), len(rows), refused) == (0, 0, {})


@pytest.mark.parametrize(("key", "name"), [("7", "7"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), ("é", "é")])
def test_a_key_is_text_however_it_is_spelled(key: object, name: str) -> None:
    columns, _, _ = JsonDecoder(ROLES).decode([json.dumps({"k": key, "t": 1, "x": 1}).encode()])
    assert columns.keys.tolist() == [name]
    assert columns.reasons == {}


@pytest.mark.parametrize("key", [None, "", [], {}])
def test_other_values_are_refused_as_keys(key: object) -> None:
    columns, _, _ = JsonDecoder(ROLES).decode([json.dumps({"k": key, "t": 1, "x": 1}).encode()])
    assert columns.reasons == {0: "column 'k': key is missing or not UTF-8"}


def test_fields_with_unusual_names_are_read() -> None:
    names = ("x", "it's", "ключ", "a.b", "input0", "input1", "key", "time", "end", "")
    record = json.dumps({name: i for i, name in enumerate(names)}).encode()
    columns, _, _ = JsonDecoder(ColumnRoles(None, None, None, names)).decode([record])
    assert {name: column.tolist() for name, column in columns.inputs.items()} == {
        name: [float(i)] for i, name in enumerate(names)
    }


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"])
def test_names_that_cannot_be_read_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as error:
        JsonDecoder(ColumnRoles(None, None, None, ("x", name)))
    assert str(error.value).startswith(f"column {name!r}: ")


def test_a_record_that_raises_whatever_it_is_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_times = json_records._parse_times

    def fail_at_13(times: list[Any], time_format: str) -> Any:
        if 13 in times:
            raise KeyError("an error that nobody thought of")
        return parse_times(times, time_format)

    monkeypatch.setattr(json_records, "_parse_times", fail_at_13)
    records = [b'{"k": "a", "t": %d, "x": %d}' % (t, t) for t in range(20)]
    columns, rows, refused = JsonDecoder(ROLES).decode(records)
    assert refused == {13: "cannot be decoded: KeyError"}
    assert rows.tolist() == columns.times.tolist() == columns.inputs["x"].tolist() == [*range(13), *range(14, 20)]
    assert columns.reasons == {}


def test_a_field_that_no_record_has_is_nan() -> None:
    columns, _, _ = JsonDecoder(ROLES).decode([b'{"k": "a", "t": 1, "x": 1}'] * 2)
    assert np.isnan(columns.inputs["y"]).all()
    assert columns.reasons == {}


@pytest.mark.parametrize(("record", "parsed"), [(b'{"a": 1e999}', {"a": float("inf")}), (b"[1]", [1])])
def test_a_record_is_parsed(record: bytes, parsed: object) -> None:
    assert parse_json(record) == parsed


@pytest.mark.parametrize(("record", "reason"), [(b"\xff", "not UTF-8"), (b"[1", "not JSON")])
def test_a_record_that_is_not_json_has_a_reason(record: bytes, reason: str) -> None:
    with pytest.raises(UnusableError, match=reason):
        parse_json(record)


def test_times_of_a_batch_may_be_text_numbers_and_missing() -> None:
    records = [b'{"k": "a", "t": "1970-01-01T00:00:05Z", "x": 1}', b'{"k": "a", "t": 6, "x": 1}', b'{"k": "a", "x": 1}']
    columns, _, _ = JsonDecoder(ROLES).decode(records)
    np.testing.assert_array_equal(columns.times, [5.0, 6.0, np.nan])
    assert columns.reasons == {2: "time is missing"}
