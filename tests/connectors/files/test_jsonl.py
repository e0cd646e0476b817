from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import AllDeadLetters, read

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
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
    events, dead = read(put("a.jsonl", "\n".join(lines) + "\n"), Schema(key="k", time="time", columns=("x",)))
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


def test_a_json_array_is_refused_with_a_way_to_convert_it(put: Put) -> None:
    with pytest.raises(ConnectorError, match="is a JSON array, one object per line is needed"):
        open_files(put("a.json", '[{"x": 1},\n{"x": 2}]'))


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
