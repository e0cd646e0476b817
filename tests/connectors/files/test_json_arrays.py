"""JSON arrays of objects, alone or in an object, and objects over several lines."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import byte_stream
from stream_rnn.connectors.files.json_elements import JsonElements, recognise_structure
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
SCHEMA = Schema(time="time", columns=("x",))
EVENTS = [{"time": float(i), "x": i / 8, "note": '"}],[{\\'} for i in range(12)]

FORMS: dict[str, Callable[[list[Any]], str]] = {
    "JSON array": json.dumps,
    "JSON array, indented": lambda events: json.dumps(events, indent=2),
    "JSON array, an element per line": lambda events: "[\n" + ",\n".join(map(json.dumps, events)) + "\n]\n",
    "JSON array 'data'": lambda events: json.dumps({"n": {"a": [1]}, "data": events, "next": None, "s": "["}),
    "JSON array 'data', indented": lambda events: json.dumps({"ok": True, "data": events, "n": [1]}, indent=1),
    "JSON objects on several lines": lambda events: "\n".join(json.dumps(event, indent=4) for event in events),
}
"""How events are written, by what is told about it."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block", [5, 1 << 20])
def test_every_form_has_the_same_events(put: Put, monkeypatch: pytest.MonkeyPatch, form: str, block: int) -> None:
    monkeypatch.setattr(byte_stream, "BLOCK_BYTES", block)
    lines = read(put("a.jsonl", "".join(json.dumps(event) + "\n" for event in EVENTS)), SCHEMA)
    path = put("a.json", FORMS[form](EVENTS))
    assert read(path, SCHEMA) == lines
    assert read(path, SCHEMA, start={path: 7})[0] == lines[0][7:]
    with open_files(path, SCHEMA) as source:
        assert source.recognised == (f"{path}: {form.partition(',')[0]}",)
    with open_files("-", SCHEMA, stdin=io.BytesIO(FORMS[form](EVENTS).encode())) as source:
        assert rows(source) == lines[0]


VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text('ab"\\[]{},: \n', max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text('a"\\{', max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@SETTINGS
@given(
    events=st.lists(st.dictionaries(st.text('xy"\\', max_size=2), VALUE, max_size=3), min_size=1, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_elements_are_separated_wherever_the_bytes_are_cut(
    events: list[Any], indent: int | None, cuts: list[int]
) -> None:
    data = json.dumps(events, indent=indent).encode()
    structure = recognise_structure("a.json", data, is_all=True)
    assert structure is not None
    elements, out, at = JsonElements("a.json", structure), b"", 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        out += elements.feed(data[at : at + size])
        at += size
    elements.finish()
    assert [json.loads(line) for line in out.split(b"\n") if line.strip()] == events


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": [{"x": 1}], "b": [{"x": 2}]}', "two arrays of objects, 'a' and 'b'"),
        ('{"a": [{"x": 1}], "n": "' + "n" * 70_000 + '", "b": [ {"x": 2}]}', "two arrays of objects"),
        ('[{"x": 1},', "is not complete: its JSON array is not closed"),
        ('{"a": [{"x": 1}, {"x": 2}', "no numeric column"),
        ("[]", "no numeric column"),
        ('{"a": []}', "no numeric column"),
    ],
)
def test_an_array_that_cannot_be_read_is_refused(put: Put, content: str, message: str) -> None:
    with pytest.raises(ConnectorError, match=message):
        read(put("a.json", content))


def test_what_follows_an_array_is_a_dead_letter(put: Put) -> None:
    events, dead = read(put("a.json", '[\n{"x": 1}, 7, {"x": 2}\n]\n{"x": 3}\n?'))
    assert [row[2] for row in events] == [(1.0,), (2.0,), (3.0,)]
    assert [record for record, _ in dead] == [1, 4]


def test_an_array_cannot_be_followed(put: Put) -> None:
    with pytest.raises(UsageError, match="one object per line can be followed, this is a JSON array"):
        open_files(put("a.json", '[{"x": 1}]'), follow=True)


def test_a_line_that_is_cut_among_others_is_a_dead_letter(put: Put) -> None:
    events, dead = read(put("a.jsonl", '{"time": 0,\n{"time": 1, "x": 1}\n{"time": 2, "x": 2}\n'), SCHEMA)
    assert (len(events), dead) == (2, [(0, "not JSON")])


def test_a_long_array_is_read_in_constant_memory(put: Put) -> None:
    path = put("a.json", "[" + ",".join(f'{{"time": {i}, "x": {i}}}' for i in range(100_000)) + "]")
    tracemalloc.start()
    with open_files(path, SCHEMA) as source:
        assert sum(map(len, source)) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20
