"""Decoder: every record becomes an event or a dead letter, whatever its value."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from stream_rnn.connectors.decode.decoders import DECODERS
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.events import BadValue
from stream_rnn.connectors.kafka.decoder import Decoder, RecordOptions, Tombstone
from stream_rnn.connectors.kafka.keys import KEY_FORMATS
from stream_rnn.settings.base import choices_of
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.kafka.decoder import KafkaBatch

PARTITION = TopicPartition("readings", 3)
PLAIN = Schema(columns=("x",), time="")
STRICT = Schema(columns=("x",), time="", bad_values="refuse")
NAMED = Schema(key="k", time="t", end="last", columns=("x", "y"))
TIMESTAMP = 1_700_000_000_123


def record(value: bytes | None, offset: int = 0, key: bytes | None = b"s", **fields: Any) -> ConsumerRecord:
    """Return a record as kafka-python returns it."""
    defaults = dict.fromkeys(ConsumerRecord._fields)
    defaults |= {"topic": "readings", "partition": 3, "timestamp": TIMESTAMP, "timestamp_type": 0, "headers": []}
    return ConsumerRecord(**defaults | {"offset": offset, "key": key, "value": value} | fields)


def records(values: Sequence[bytes | None], first: int = 10) -> list[ConsumerRecord]:
    return [record(value, first + i) for i, value in enumerate(values)]


def decode(some: Sequence[ConsumerRecord], schema: Schema = PLAIN, options: RecordOptions | None = None) -> KafkaBatch:
    return Decoder(schema, options).decode(PARTITION, some)


def rows(batch: KafkaBatch) -> list[tuple[Any, ...]]:
    """Return offset, key, time, end and inputs of each event, NaN as None."""
    events = batch.events
    columns = [events.keys, events.times, events.ends, *events.columns.values()]
    values = zip(events.positions.record.tolist(), *(column.tolist() for column in columns), strict=True)
    return [tuple(None if isinstance(x, float) and math.isnan(x) else x for x in row) for row in values]


def reasons(batch: KafkaBatch) -> list[tuple[int, str]]:
    return [(letter.record, letter.reason) for letter in batch.dead]


# --- keys, times, headers ------------------------------------------------------------------------------------------


def test_key_and_time_are_those_of_the_record_unless_fields_are_named() -> None:
    assert rows(decode([record(b'{"x": 1.5}', 7)])) == [(7, "s", TIMESTAMP / 1e3, False, 1.5)]


def test_key_time_and_end_are_read_from_named_fields() -> None:
    value = b'{"k": "own", "t": "2024-01-31T00:00:00Z", "last": true, "x": 1, "y": 2.5}'
    assert rows(decode([record(value)], NAMED)) == [(0, "own", 1706659200.0, True, 1.0, 2.5)]


def test_a_record_without_a_key_belongs_to_the_stream_with_the_empty_key() -> None:
    assert [row[1] for row in rows(decode([record(b'{"x": 1}', key=None), record(b'{"x": 1}', 1, key=b"")]))] == [
        "",
        "",
    ]


def test_a_record_without_the_named_key_field_is_refused() -> None:
    batch = decode(records([b'{"t": 1, "x": 1}', b'{"k": null, "t": 1, "x": 1}', b'{"k": "", "t": 1, "x": 1}']), NAMED)
    assert reasons(batch) == [(offset, "column 'k': key is missing or not UTF-8") for offset in (10, 11, 12)]


def test_a_key_that_is_not_utf_8_is_refused_and_other_records_are_not() -> None:
    batch = decode(
        [record(b'{"x": 1}', 0), record(b'{"x": 2}', 1, key=b"\xff"), record(b'{"x": 3}', 2, key="é".encode())]
    )
    assert [row[:2] for row in rows(batch)] == [(0, "s"), (2, "é")]
    assert reasons(batch) == [(1, "key is not text: set key_format to hex")]


def test_a_record_key_that_is_not_utf_8_is_ignored_if_a_field_is_the_key() -> None:
    batch = decode([record(b'{"k": "own", "t": 1, "x": 1}', key=b"\xff")], NAMED)
    assert rows(batch) == [(0, "own", 1.0, False, 1.0, None)]


def test_a_missing_or_invalid_time_field_is_refused() -> None:
    values = [b'{"k": "a", "x": 1}', b'{"k": "a", "t": "soon", "x": 1}', b'{"k": "a", "t": true, "x": 1}']
    assert reasons(decode(records(values), NAMED)) == [
        (10, "time is missing"),
        (11, "column 't': not a time"),
        (12, "column 't': not a time"),
    ]


@pytest.mark.parametrize(("time_format", "value"), [("s", 1706659200), ("ms", 1706659200000), ("iso", '"2024-01-31"')])
def test_times_are_parsed_in_the_given_format(time_format: Any, value: object) -> None:
    schema = Schema(time="t", columns=("x",), time_format=time_format)
    assert rows(decode([record(b'{"t": %b, "x": 1}' % str(value).encode())], schema))[0][2] == 1706659200.0


def test_headers_stay_with_their_events_when_records_are_refused() -> None:
    values = [b'{"x": 1}', b"?", b'{"x": "warm"}', None, b'{"x": 2}', b'{"x": 3}']
    batch = decode([record(value, i, headers=[("n", b"%d" % i)]) for i, value in enumerate(values)], STRICT)
    assert [row[0] for row in rows(batch)] == [0, 4, 5]
    assert batch.headers == [[("n", b"0")], [("n", b"4")], [("n", b"5")]]


def test_headers_are_none_if_no_record_has_any() -> None:
    assert decode(records([b'{"x": 1}', b'{"x": 2}'])).headers is None


def test_every_event_has_headers_if_one_record_has_some() -> None:
    batch = decode([record(b'{"x": 1}', 0), record(b'{"x": 2}', 1, headers=[("n", b"1")])])
    assert batch.headers == [[], [("n", b"1")]]


# --- records that cannot be used -----------------------------------------------------------------------------------

UNUSABLE: dict[str, tuple[bytes | None, str]] = {
    "empty": (b"", "not JSON"),
    "spaces": (b"  ", "not JSON"),
    "not JSON": (b"warm", "not JSON"),
    "truncated": (b'{"x": 1', "not JSON"),
    "two objects": (b'{"x": 1} {"x": 2}', "not JSON"),
    "Avro": (
        b"\x00\x00\x00\x00\x01\x02",
        "begins with a schema registry's mark (schema id 1): set registry to read Avro and Protobuf",
    ),
    "not UTF-8": (b'{"x": "\xff"}', "not UTF-8"),
    "not UTF-8 in a field that is not read": (b'{"x": 1, "y": "\xff"}', "not UTF-8"),
    "lone surrogate": (rb'{"x": 1, "y": "\ud800"}', "not UTF-8"),
    "CESU-8": (b'{"x": NaN, "y": "\xed\xa0\x80"}', "not UTF-8"),
    "deep": (b"[" * 100_000, "not JSON"),
    "deep inside an object": (b'{"x": ' * 5000, "not JSON"),
    "array of numbers": (b"[1]", "not a JSON object"),
    "array of arrays": (b'[[{"x": 1}]]', "not a JSON object"),
    "empty array": (b"[]", "array is empty"),
    "number": (b"1", "not a JSON object"),
    "text": (b'"x"', "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "text for a number": (b'{"x": "warm"}', "column 'x': not a number"),
    "nested": (b'{"x": {"y": 1}}', "column 'x': not a number"),
    "list": (b'{"x": [1]}', "column 'x': not a number"),
    "infinite": (b'{"x": Infinity}', "column 'x': not a finite number"),
    "infinite text": (b'{"x": "-inf"}', "column 'x': not a finite number"),
    "too large": (b'{"x": 1e999}', "column 'x': not a finite number"),
    "too long": (b'{"x": 1%b}' % (b"0" * 400), "column 'x': not a finite number"),
    "other fields": (b'{"temperature": 1}', "has none of the columns"),
    "no fields": (b"{}", "has none of the columns"),
    "duplicate field, the last one invalid": (b'{"x": 1, "x": "warm"}', "column 'x': not a number"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_record_is_refused_with_its_reason_and_no_other_is(name: str) -> None:
    value, reason = UNUSABLE[name]
    batch = decode(records([b'{"x": 1}', value, b'{"x": 2}']), STRICT)
    assert [(row[0], row[4]) for row in rows(batch)] == [(10, 1.0), (12, 2.0)]
    assert [(letter.source, letter.record, letter.reason) for letter in batch.dead] == [("readings-3", 11, reason)]
    assert batch.dead[0].raw == (value or b"").decode(errors="replace")[:1000]
    assert (batch.next, len(batch)) == (13, 3)


USABLE: dict[str, tuple[bytes, float | None]] = {
    "missing": (b'{"x": null}', None),
    "NaN": (b'{"x": NaN}', None),
    "text for a missing value": (b'{"x": "NA"}', None),
    "text that is a number": (b'{"x": "2.5"}', 2.5),
    "true": (b'{"x": true}', 1.0),
    "whole": (b'{"x": 3}', 3.0),
    "large": (b'{"x": 123456789012345678901234567890}', 1.2345678901234568e29),
    "duplicate field, the last one counts": (b'{"x": 1, "x": 2}', 2.0),
    "spaces around": (b' {"x": 1}\r\n', 1.0),
    "fields that are not read": (b'{"z": {"deep": [1, 2]}, "x": 1, "": null}', 1.0),
}


@pytest.mark.parametrize("name", USABLE)
def test_a_number_is_read_in_every_spelling(name: str) -> None:
    value, number = USABLE[name]
    batch = decode(records([b'{"x": 7}', value]))
    assert reasons(batch) == []
    assert [row[4] for row in rows(batch)] == [7.0, number]


def test_an_end_that_is_not_a_flag_is_refused() -> None:
    values = [b'{"k": "a", "t": 1, "x": 1, "last": %b}' % flag for flag in (b'"perhaps"', b"2", b"[]", b'"yes"', b"0")]
    batch = decode(records(values), NAMED)
    assert reasons(batch) == [(offset, "column 'last': not true or false") for offset in (10, 11, 12)]
    assert [row[3] for row in rows(batch)] == [True, False]


@pytest.mark.parametrize(
    ("timestamp", "usable"), [(-1, True), (0, True), (253_402_300_799_999, True), (253_402_300_800_000, False)]
)
def test_a_timestamp_outside_the_calendar_is_a_dead_letter(timestamp: int, usable: bool) -> None:
    batch = decode([record(b'{"x": 1}', timestamp=timestamp)])
    assert (len(batch.events), len(batch)) == (usable, 1)
    assert reasons(batch) == ([] if usable else [(0, "timestamp is outside the calendar")])


def test_a_word_is_a_missing_value_that_is_counted_with_its_offset() -> None:
    values = [b'{"x": 1}', b'{"x": "off"}', b'{"x": [1]}', b'{"x": {}}', b"?"]
    batch = decode(records(values))
    assert [(row[0], row[4]) for row in rows(batch)] == [(10, 1.0), (11, None), (12, None), (13, None)]
    assert batch.bad_values == [
        BadValue("readings-3", offset, "x", word) for offset, word in ((11, "off"), (12, "<array>"), (13, "<object>"))
    ]


def test_bad_values_of_refused_records_are_not_counted() -> None:
    schema = Schema(columns=("x", "y"), time="")
    values = [b'{"x": "off", "y": 1e999}', b'{"x": "off", "y": 1}', b'{"x": "off", "y": 2}']
    batch = decode([record(value, i, key=b"\xff" if i == 1 else b"s") for i, value in enumerate(values)], schema)
    assert [value.record for value in batch.bad_values] == [2]


def test_a_field_that_changes_spoils_only_its_own_records() -> None:
    values = [
        b'{"x": 1, "y": 1}',
        b'{"x": 2}',  # disappears
        b'{"y": 3, "z": 1}',
        b'{"x": "4", "y": "4"}',  # becomes text that is a number
        b'{"x": {"value": 5}, "y": 5}',  # becomes an object
        b'{"x": 6, "y": "six"}',  # becomes text
        b'{"x": 7, "y": 7}',  # and is a number again
    ]
    batch = decode(records(values, first=0), Schema(columns=("x", "y"), time="", bad_values="refuse"))
    assert [row[0:1] + row[4:] for row in rows(batch)] == [
        (0, 1.0, 1.0),
        (1, 2.0, None),
        (2, None, 3.0),
        (3, 4.0, 4.0),
        (6, 7.0, 7.0),
    ]
    assert reasons(batch) == [(4, "column 'x': not a number"), (5, "column 'y': not a number")]


def test_columns_must_be_named() -> None:
    with pytest.raises(UsageError, match="columns must name the fields to read"):
        Decoder(Schema())


# --- formats, keys, headers, tombstones ----------------------------------------------------------------------------


def test_every_format_of_the_settings_has_a_decoder() -> None:
    hints = get_type_hints(LiveSettings, include_extras=True)
    assert set(choices_of(hints["format"])) == set(DECODERS)
    assert set(choices_of(hints["key_format"])) == {*KEY_FORMATS, "json"}


def test_a_bare_number_is_the_input_value() -> None:
    values = [b"21.5", b" 7\n", b"NaN", b"", b"off", b"1e999", b"-2e3"]
    batch = decode(records(values), Schema(columns=("value",)), RecordOptions("number"))
    assert [(row[0], row[4]) for row in rows(batch)] == [
        (10, 21.5),
        (11, 7.0),
        (12, None),
        (13, None),
        (14, None),
        (16, -2000.0),
    ]
    assert reasons(batch) == [(15, "column 'value': not a finite number")]
    assert [value.word for value in batch.bad_values] == ["off"]


def test_a_bare_number_may_stand_for_a_missing_value() -> None:
    schema = Schema(columns=("value",), missing_values={"value": (-999, "n/a")})
    for values in ([b"21.5", b"-999"], [b"21.5", b"-999.0", b"n/a"]):
        batch = decode(records(values), schema, RecordOptions("number"))
        assert [row[4] for row in rows(batch)] == [21.5, *[None] * (len(values) - 1)]
        assert (reasons(batch), batch.bad_values) == ([], [])


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (Schema(columns=("value",), words=("value",)), "format is number: 'value' is no word"),
        (Schema(columns=("x",)), "format is number: the only input and target is 'value', got 'x'"),
        (Schema(key="k", columns=("value",)), "format is number: a number has no fields, key must not be set, got 'k'"),
        (Schema(records="r", columns=("value",)), "format is number: a number has no fields, records must not be set"),
    ],
)
def test_a_bare_number_has_no_fields(schema: Schema, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Decoder(schema, RecordOptions("number"))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("name", ["a..b", "a[", "a[-1]"])
def test_a_malformed_path_is_refused(name: str) -> None:
    for schema in (Schema(columns=(name,)), Schema(key=name, columns=("x",)), Schema(time=name, columns=("x",))):
        with pytest.raises(UsageError, match="write a path as"):
            Decoder(schema)


KEYS = {
    "text": ("é".encode(), "é"),
    "int32": (struct.pack(">i", -7), "-7"),
    "int64": (struct.pack(">q", 1_600), "1600"),
    "hex": (b"\xff\x00", "ff00"),
    "json": (b'{"schema": null, "payload": {"id": {"n": 7}}}', "7"),
}


@pytest.mark.parametrize("key_format", KEYS)
def test_a_key_is_decoded_in_its_format(key_format: str) -> None:
    key, text = KEYS[key_format]
    schema = Schema(key="id.n" if key_format == "json" else None, columns=("x",))
    batch = decode(
        [record(b'{"x": 1}', key=key), record(b'{"x": 2}', 1, key=None)], schema, RecordOptions("json", key_format)
    )
    assert [row[1] for row in rows(batch)] == [text, ""]


@pytest.mark.parametrize("count", [0, 1, 255, 256, 1_599, -1, -(2**63), 2**40 + 255])
def test_every_integer_of_eight_bytes_is_a_key_or_none_is(count: int) -> None:
    some = [record(b'{"x": 1}', key=struct.pack(">q", count))]
    assert [row[1] for row in rows(decode(some, PLAIN, RecordOptions(key_format="int64")))] == [str(count)]
    assert reasons(decode(some)) == [(0, "key is not text: set key_format to int64 or hex")]


@pytest.mark.parametrize(
    ("key_format", "path", "key", "reason"),
    [
        ("int32", None, b"12345678", "key is not an int32 of 4 bytes: set key_format to text or hex"),
        ("int64", None, b"", "key is not an int64 of 8 bytes: set key_format to text or hex"),
        ("int64", None, b"pump-1", "key is not an int64 of 8 bytes: set key_format to text or hex"),
        ("text", None, b"\x00\x00\x01\x00", "key is not text: set key_format to int32 or hex"),
        ("json", None, b"pump", "not JSON"),
        ("json", None, b'{"id": 7}', "key is a JSON object: set key to the path of a field in it"),
        ("json", "id", b'{"other": 7}', "key has no 'id'"),
        ("json", "id", b'{"id": [7]}', "key has no 'id'"),
        ("json", "id", b"7", "not a JSON object"),
    ],
)
def test_a_key_of_another_format_is_refused_with_the_setting(
    key_format: str, path: str | None, key: bytes, reason: str
) -> None:
    batch = decode([record(b'{"x": 1}', key=key)], Schema(key=path, columns=("x",)), RecordOptions("json", key_format))
    assert (reasons(batch), len(batch.events)) == ([(0, reason)], 0)


@pytest.mark.parametrize("text", ["1706659200", "1706659200000", "1706659200000000", "2024-01-31T00:00:00Z"])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_time_is_read_from_a_header(text: str, by_name: bool) -> None:
    schema = Schema(time="at" if by_name else "", columns=("x",))
    options = RecordOptions(time_header=None if by_name else "at")
    headers = [("at", b"0"), ("other", b"?"), ("at", text.encode())]
    some = [record(b'{"x": 1}', i, headers=some) for i, some in enumerate((headers, [], [("at", b"soon")]))]
    batch = decode(some, schema, options)
    assert [row[2] for row in rows(batch)] == [1706659200.0]
    assert reasons(batch) == [(1, "time is missing"), (2, "header 'at': not a time")]


def test_a_field_wins_over_a_header_of_its_name_unless_the_header_is_asked_for() -> None:
    some = [record(b'{"x": 1, "at": 5}', headers=[("at", b"7")])]
    assert rows(decode(some, Schema(time="at", columns=("x",))))[0][2] == 5.0
    assert rows(decode(some, Schema(columns=("x",)), RecordOptions(time_header="at")))[0][2] == 7.0


def test_a_tombstone_ends_the_sequence_of_its_key_or_nothing() -> None:
    deleted = b'{"op": "d", "before": {"x": 1}, "after": null}'
    some = [record(None, 1), record(b'{"x": 1}', 2), record(deleted, 3, key=b"t"), record(None, 4, key=b"\xff")]
    batch = decode(some)
    assert list(batch.tombstones) == [Tombstone(1, "s"), Tombstone(3, "t")]
    assert reasons(batch) == [(4, "key is not text: set key_format to hex")]
    ignored = decode(some, PLAIN, RecordOptions(tombstones="ignore"))
    assert list(ignored.tombstones) == [Tombstone(1, None), Tombstone(3, None), Tombstone(4, None)]
    assert [row[0] for row in rows(ignored)] == [2]


def test_a_tombstone_without_the_field_that_is_the_key_is_refused_unless_it_is_ignored() -> None:
    some = [record(None, 1)]
    assert reasons(decode(some, NAMED)) == [(1, "record has no value")]
    assert reasons(decode(some, NAMED, RecordOptions(tombstones="ignore"))) == []


def test_events_of_one_record_have_its_offset_key_and_headers() -> None:
    value = b'[{"x": 1}, {"x": "off"}, {}, {"x": 1e999}, {"x": 2}]'
    batch = decode([record(value, 7, headers=[("n", b"1")]), record(b'{"x": 3}', 8)])
    assert [(row[0], row[1], row[4]) for row in rows(batch)] == [
        (7, "s", 1.0),
        (7, "s", None),
        (7, "s", 2.0),
        (8, "s", 3.0),
    ]
    assert batch.events.positions.element_numbers.tolist() == [0, 1, 4, 0]
    assert [letter.place for letter in batch.dead] == [(7, 2), (7, 3)]
    assert batch.headers == [[("n", b"1")]] * 3 + [[]]
    assert (len(batch), batch.next) == (2, 9)


def test_an_envelope_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    decoder = Decoder(PLAIN)
    for _ in range(2):
        decoder.decode(PARTITION, records([b'{"schema": {}, "payload": {"x": 1}}'] * 2))
    assert caplog.messages == ["readings: Kafka Connect envelopes around 'payload'"]


# --- any record ----------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), max_size=5) | st.just("\ud800")
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXT)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))
ARRAY = st.lists(st.one_of(st.dictionaries(st.sampled_from(["k", "t", "x"]), SCALAR), SCALAR), max_size=3)
OBJECT = st.dictionaries(st.sampled_from(["k", "t", "last", "x", "y", "z"]), VALUE)
PAYLOAD = st.one_of(
    st.none(),
    st.binary(max_size=20),
    VALUE.map(lambda value: json.dumps(value).encode()),
    OBJECT.map(lambda value: json.dumps(value).encode()),
    ARRAY.map(lambda value: json.dumps(value).encode()),
    OBJECT.map(lambda value: json.dumps({"schema": None, "payload": value}).encode()),
    OBJECT.map(lambda value: json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")),
    st.sampled_from([value for value, _ in UNUSABLE.values()] + [value for value, _ in USABLE.values()]),
)
RECORD = st.tuples(PAYLOAD, st.one_of(st.none(), st.binary(max_size=3)), st.integers(1, 3), st.booleans())
"""Payload, key, distance to the previous offset, whether there are headers."""


def to_records(drawn: Sequence[tuple[bytes | None, bytes | None, int, bool]]) -> list[ConsumerRecord]:
    offset, some = 0, []
    for value, key, step, has_headers in drawn:
        offset += step
        some.append(record(value, offset, key, headers=[("n", b"%d" % offset)] if has_headers else []))
    return some


@pytest.mark.parametrize("schema", [PLAIN, NAMED])
@given(drawn=st.lists(RECORD, min_size=1, max_size=12))
def test_every_record_is_an_event_or_a_dead_letter(schema: Schema, drawn: list[Any]) -> None:
    some = to_records(drawn)
    batch = decode(some, schema)
    positions = batch.events.positions
    events = list(zip(positions.record.tolist(), positions.element_numbers.tolist(), strict=True))
    dead = [letter.place for letter in batch.dead]
    assert events == sorted(set(events))
    assert dead == sorted(set(dead))
    assert not set(events) & set(dead)
    used = {offset for offset, _ in events + dead} | {tombstone.offset for tombstone in batch.tombstones}
    assert sorted(used) == [one.offset for one in some]
    assert batch.next == some[-1].offset + 1
    assert all(not np.isinf(column).any() for column in batch.events.columns.values())
    assert np.isfinite(batch.events.times).all()
    assert all(key.encode() or key == "" for key in batch.events.keys.tolist())
    assert {value.record for value in batch.bad_values} <= set(positions.record.tolist())
    if batch.headers is not None:
        headers = {one.offset: one.headers for one in some}
        assert batch.headers == [headers[offset] for offset, _ in events]


@pytest.mark.parametrize("schema", [PLAIN, NAMED])
@given(drawn=st.lists(RECORD, min_size=2, max_size=10), cut=st.integers(1, 9))
def test_events_do_not_depend_on_how_records_are_cut_into_batches(schema: Schema, drawn: list[Any], cut: int) -> None:
    some = to_records(drawn)
    whole = decode(some, schema)
    parts = [decode(part, schema) for part in (some[:cut], some[cut:]) if part]
    assert [row for part in parts for row in rows(part)] == rows(whole)
    assert [letter for part in parts for letter in part.dead] == whole.dead


SET_BACK = dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC).timestamp()
"""When clocks in Berlin were set back from three to two."""


@pytest.mark.parametrize("passed", [-1800.0, 1800.0])
def test_a_local_time_that_occurs_twice_is_the_one_nearer_to_the_records_timestamp(passed: float) -> None:
    schema = Schema(columns=("x",), time="t", timezone="Europe/Berlin")
    moment = SET_BACK + passed
    value = b'{"t": "27.10.2024 02:30", "x": 1}'
    batch = decode([record(value, timestamp=int(moment * 1000) + 5_000)], schema)
    assert batch.events.times.tolist() == [moment]


def test_a_local_time_that_the_clock_skipped_is_a_dead_letter() -> None:
    schema = Schema(columns=("x",), time="t", timezone="Europe/Berlin")
    batch = decode([record(b'{"t": "2024-03-31 02:30", "x": 1}')], schema)
    assert reasons(batch) == [(0, "time does not exist in the time zone: the clock was set forward")]


@pytest.mark.parametrize("passed", [-1800.0, 1800.0])
def test_a_local_time_in_a_header_is_as_one_in_a_field(passed: float) -> None:
    schema, moment = Schema(columns=("x",), time="at", timezone="Europe/Berlin"), SET_BACK + passed
    twice = [("at", b"2024-10-27 02:30")]
    some = [
        record(b'{"x": 1}', 0, headers=twice, timestamp=int(moment * 1000) + 5_000),
        record(b'{"x": 2, "at": "1970-01-01T01:00:00"}', 1, headers=twice),
        record(b'{"x": "3", "at": "1970-01-01T00:00:00Z"}', 2),
        record(b'{"x": 4}', 3, headers=[("at", b"2024-03-31 02:30")]),
    ]
    batch = decode(some, schema)
    assert batch.events.times.tolist() == [moment, 0.0, 0.0]
    assert reasons(batch) == [(3, "time does not exist in the time zone: the clock was set forward")]


def test_local_times_of_records_that_are_decoded_together_and_one_by_one_keep_their_rows() -> None:
    schema = Schema(columns=("x",), time="m.d+m.t", timezone="Europe/Berlin")
    numbers = [b"1", b'"2"', b"3", b'"4"']
    some = [
        record(b'[{"m": {"d": "1970-01-02", "t": "0%d:00"}, "x": %b}, {"x": 0}]' % (i, number), i)
        for i, number in enumerate(numbers)
    ]
    batch = decode(some, schema)
    assert batch.events.times.tolist() == [86_400.0 + 3_600 * (i - 1) for i in range(4)]
    assert batch.events.columns["x"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert reasons(batch) == [(i, "time is missing") for i in range(4)]


def test_date_and_time_of_day_are_read_from_two_fields() -> None:
    schema = Schema(columns=("x",), time="d+t", time_format="%d.%m.%Y %H:%M")
    batch = decode([record(b'{"d": "02.01.1970", "t": "00:01", "x": 1}')], schema)
    assert batch.events.times.tolist() == [86_460.0]


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
def test_an_epoch_is_read_in_the_unit_of_its_magnitude(factor: int) -> None:
    batch = decode([record(b'{"t": %d, "x": 1}' % (1_700_000_000 * factor))], Schema(columns=("x",), time="t"))
    assert batch.events.times.tolist() == [1.7e9]
