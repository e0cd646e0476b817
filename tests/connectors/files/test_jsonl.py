from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import AllDeadLetters, read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "a.jsonl.gz"])
def test_objects_are_read_as_numbers(put: Put, name: str) -> None:
    path = put(name, '{"k": "s", "time": "2024-01-31", "x": 1.5, "last": true}\n')
    events, dead = read(path, Schema(key="k", end="last"))
    assert events == [("s", 1706659200.0, (1.5,), True, 0, 0)]
    assert dead == []


def test_null_and_absent_fields_are_missing_values(put: Put) -> None:
    events, _ = read(put("a.jsonl", '{"x": 1, "y": 2}\n{"x": null, "y": 2}\n{"y": 3}\n'))
    assert [row[2] for row in events] == [(1.0, 2.0), (None, 2.0), (None, 3.0)]


def test_numbers_as_text_nan_and_booleans_are_numbers(put: Put) -> None:
    events, dead = read(put("a.jsonl", '{"x": 1}\n{"x": "2.5"}\n{"x": NaN}\n{"x": true}\n{"x": "NA"}\n'))
    assert [row[2] for row in events] == [(1.0,), (2.5,), (None,), (1.0,), (None,)]
    assert dead == []


def test_a_bare_number_is_an_event_unless_it_is_among_objects(put: Put) -> None:
    assert [row[2] for row in read(put("a.jsonl", "7\n8.5\n"))[0]] == [(7.0,), (8.5,)]
    events, dead = read(put("b.jsonl", '{"x": 1}\n7\n{"x": 2}\n'))
    assert [row[2] for row in events] == [(1.0,), (2.0,)]
    assert dead == [(1, "not a JSON object")]


def test_each_kind_of_bad_line_has_its_reason(put: Put) -> None:
    lines = [
        '{"k": "a", "time": 1, "x": 1}',
        '{"k": "a", "time": 1, "x": ',
        "[1, 2]",
        '{"k": "a", "time": 1, "x": "warm"}',
        '{"k": "a", "time": 1, "x": {"deep": 1}}',
        '{"time": 1, "x": 1}',
        '{"k": "a", "x": 1}',
        '{"k": "a", "time": "soon", "x": 1}',
        '{"k": "a", "time": 1, "x": 1e999}',
        '{"k": "a", "time": 1, "other": 1}',
        '{"k": "a", "time": 1, "x": 1} {"k": "a", "time": 1, "x": 2}',
        '{"k": "a", "time": [], "x": 1}',
        '{"k": "a", "time": 1, "x": 2}',
    ]
    schema = Schema(key="k", time="time", columns=("x",), bad_values="refuse")
    events, dead = read(put("a.jsonl", "\n".join(lines) + "\n"), schema)
    assert [row[5] for row in events] == [0, 12]
    assert dead == [
        (1, "not JSON"),
        (2, "not a JSON object"),
        (3, "column 'x': not a number"),
        (4, "column 'x': not a number"),
        (5, "column 'k': key is missing or not UTF-8"),
        (6, "time is missing"),
        (7, "column 'time': not a time"),
        (8, "column 'x': not a finite number"),
        (9, "has none of the columns"),
        (10, "not JSON"),
        (11, "column 'time': not a time"),
    ]


def test_a_field_whose_name_cannot_be_read_is_refused_before_any_record(put: Put) -> None:
    with pytest.raises(UsageError, match="JSON fields with quotes"):
        open_files(put("a.jsonl", rb'{"x": 1, "a\"b": 2}'))


def test_a_word_an_object_and_an_array_are_missing_values_that_are_counted(put: Put) -> None:
    lines = ['{"x": 1, "y": 1}', '{"x": "off", "y": 2}', '{"x": {"v": 3}, "y": [3]}', '{"x": " off", "y": 1e999}']
    with open_files(put("a.jsonl", "\n".join(lines)), Schema(columns=("x", "y"))) as source:
        assert [row[2] for row in rows(source)] == [(1.0, 1.0), (None, 2.0), (None, None)]
        assert source.bad_values.counts == {"x": {"off": 1, "<object>": 1}, "y": {"<array>": 1}}
        assert source.dead_letters.reasons == {"column 'y': not a finite number": 1}


SURROGATES = {
    "key": rb'{"k": "\ud800", "x": 1}',
    "key of two low halves": rb'{"k": "\udc00\udc00", "x": 1}',
    "value": rb'{"k": "a", "x": "\ud800"}',
    "field that is not read": rb'{"k": "a", "x": 1, "note": "\ud800"}',
    "name of a field": rb'{"k": "a", "x": 1, "\ud800": 1}',
    "CESU-8 key": b'{"k": "\xed\xa0\x80", "x": 1}',
    "CESU-8 field that is not read": b'{"k": "a", "x": 1, "note": "\xed\xa0\x80"}',
    "Latin-1 field that is not read": b'{"k": "a", "x": 1, "unit": "\xb0C"}',
    "Latin-1 beside NaN": b'{"k": "a", "x": NaN, "unit": "\xb0C"}',
}


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("first", [True, False])
def test_a_record_that_is_not_utf_8_is_a_dead_letter(put: Put, name: str, first: bool) -> None:
    good = b'{"k": "a", "x": 1}'
    lines = [SURROGATES[name], good] if first else [good, SURROGATES[name]]
    events, dead = read(put("a.jsonl", b"\n".join([*lines, good])), Schema(key="k"))
    assert dead == [(0 if first else 1, "not UTF-8")]
    assert len(events) == 2


def test_characters_beyond_the_basic_plane_are_utf_8_however_they_are_written(put: Put) -> None:
    lines = [rb'{"k": "\ud83d\udca7", "x": 1}', '{"k": "💧", "x": NaN}'.encode(), rb'{"k": "\ud83d\udca7", "x": NaN}']
    events, dead = read(put("a.jsonl", b"\n".join(lines)), Schema(key="k"))
    assert [row[0] for row in events] == ["💧"] * 3
    assert dead == []


@SETTINGS
@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(list(SURROGATES.values()))), max_size=12))
def test_every_line_that_is_not_blank_is_an_event_or_a_dead_letter(put: Put, lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b"?") for line in lines]
    events, dead = read(put("a.jsonl", b'{"k": "a", "x": 1}\n' + b"\n".join(lines)), Schema(key="k", columns=("x",)))
    assert len(events) + len(dead) == 1 + sum(bool(line.strip()) for line in lines)
    assert read(put("a.jsonl", b'{"x": 1}\n' * (1 + len(lines)) + b"\n".join(lines)))[0]  # detection reads any line
    assert all(row[0].encode() for row in events)


def test_a_dead_letter_has_at_most_a_thousand_characters_of_the_line(put: Put) -> None:
    letters = AllDeadLetters()
    with open_files(put("a.jsonl", '{"x": 1}\n' + "?" * 5000 + "\n"), dead_letters=letters) as source:
        list(source)
    assert letters.all[0].raw == "?" * 1000


def test_a_number_is_the_same_key_as_in_other_formats(put: Put) -> None:
    path = put("a.jsonl", '{"k": 7, "x": 1}\n{"k": "7", "x": 1}\n{"k": 7.0, "x": 1}\n')
    assert [row[0] for row in read(path, Schema(key="k"))[0]] == ["7", "7", "7"]


def test_times_may_have_several_formats(put: Put) -> None:
    path = put("a.jsonl", '{"ts": "2024-01-31", "x": 1}\n{"ts": 1706659200, "x": 1}\n{"ts": 1706659200000, "x": 1}\n')
    assert [row[1] for row in read(path)[0]] == [1706659200.0] * 3


def test_a_missing_time_among_the_first_records_is_a_dead_letter(put: Put) -> None:
    path = put("a.jsonl", '{"time": null, "x": 1}\n{"time": "2024-01-31T00:00:00Z", "x": 2}\n')
    events, dead = read(path)
    assert [(row[1], row[2]) for row in events] == [(1706659200.0, (2.0,))]
    assert dead == [(0, "time is missing")]


def test_blank_lines_and_windows_line_ends_are_not_records(put: Put) -> None:
    events, dead = read(put("a.jsonl", b'\xef\xbb\xbf{"x": 1}\r\n\r\n  \n{"x": 2}'))
    assert [(row[2], row[5]) for row in events] == [((1.0,), 0), ((2.0,), 1)]
    assert dead == []


def test_deep_nesting_is_a_dead_letter_not_a_crash(put: Put) -> None:
    path = put("a.jsonl", '{"x": 1}\n' + "[" * 100_000 + "\n" + '{"x": ' * 5000 + "\n")
    assert read(path)[1] == [(1, "not JSON"), (2, "not JSON")]


VALUE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([1]))
LINE = st.one_of(
    st.binary(max_size=15).filter(lambda line: b"\n" not in line and bool(line.strip())),
    st.dictionaries(st.sampled_from(["k", "time", "x", "z"]), VALUE).map(lambda fields: json.dumps(fields).encode()),
)


@SETTINGS
@given(st.lists(LINE, max_size=15))
def test_any_line_is_an_event_or_a_dead_letter(put: Put, lines: list[bytes]) -> None:
    good = b'{"k": "a", "time": 1, "x": 1}\n'
    path = put("a.jsonl", good + b"\n".join(lines) + b"\n")
    events, dead = read(path, Schema(key="k", time="time", columns=("x",)))
    assert sorted([row[5] for row in events] + [record for record, _ in dead]) == list(range(len(lines) + 1))
