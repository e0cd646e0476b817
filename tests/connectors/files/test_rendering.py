"""Rows as text: numbers are spelled as Arrow spells them, texts are quoted if they need it."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.rendering import csv_header, csv_lines, json_lines

EDGES = [
    *(sign * 10.0**power * factor for sign in (1, -1) for power in range(-9, 23) for factor in (0.999, 1.0, 1.5, 3.0)),
    *(float(np.nextafter(10.0**power, toward)) for power in (-7, -6, -5, 10) for toward in (0.0, math.inf)),
    *(0.0, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53, 123456.789),
]
NUMBER = st.one_of(st.floats(), st.integers(-(2**60), 2**60).map(float), st.sampled_from(EDGES))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def spelled(numbers: list[float]) -> list[str | None]:
    """Return how Arrow spells finite numbers, None for the others."""
    texts = pa.array(numbers, pa.float64()).cast(pa.string()).to_pylist()
    return [text if math.isfinite(number) else None for text, number in zip(texts, numbers, strict=True)]


@given(st.lists(NUMBER, max_size=20))
def test_numbers_are_the_shortest_texts_without_padding(numbers: list[float]) -> None:
    rows = {"x": np.array(numbers, np.float64)}
    assert csv_lines(rows).decode().split("\n")[:-1] == ["" if text is None else text for text in spelled(numbers)]
    assert json_lines(rows).decode().split("\n")[:-1] == [f'{{"x":{text or "null"}}}' for text in spelled(numbers)]


def test_numbers_at_the_edges_of_the_notations_are_the_shortest_texts() -> None:
    assert csv_lines({"x": np.array(EDGES)}).decode().split("\n")[:-1] == spelled(EDGES)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=10), st.sampled_from([",", "\t"]))
def test_texts_of_csv_are_read_back_by_any_reader(rows: list[tuple[str, str]], delimiter: str) -> None:
    names = ["a,b", 'c"\td']
    columns = dict(zip(names, np.array([*rows, ("", "")], object)[: len(rows)].T, strict=True))
    text = (csv_header(names, delimiter) + csv_lines(columns, delimiter=delimiter)).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) == [names, *map(list, rows)]


@pytest.mark.parametrize("delimiter", [",", "\t"])
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=HYPERLINK("x,y")'])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str, delimiter: str) -> None:
    rows = {"=x": np.array([-1.5]), "key": np.array([text], object)}
    for escape, mark in ((True, "'"), (False, "")):
        header = csv_header(list(rows), delimiter, escape_formulas=escape)
        lines = csv_lines(rows, delimiter=delimiter, escape_formulas=escape)
        read = list(csv.reader(io.StringIO((header + lines).decode(), newline=""), delimiter=delimiter))
        assert read == [[f"{mark}=x", "key"], ["-1.5", f"{mark}{text}"]]


@pytest.mark.parametrize("text", ["a=1", "'=1", "", "1-1", "ä"])
def test_other_texts_are_written_as_they_are(text: str) -> None:
    rows = {"key": np.array([text], object)}
    assert csv_lines(rows, escape_formulas=True) == csv_lines(rows)


@pytest.mark.parametrize("names", [["a", "b"], ['quote"', "back\\slash"], ["", "line\nend"]])
@given(st.lists(st.tuples(TEXT, st.integers(-9, 9)), max_size=10))
def test_json_lines_are_read_back_by_any_reader(names: list[str], rows: list[tuple[str, int]]) -> None:
    columns = {
        names[0]: np.array([*(text for text, _ in rows), None], object)[:-1],
        names[1]: np.array([number for _, number in rows], np.int64),
    }
    lines = json_lines(columns).decode().split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [dict(zip(names, row, strict=True)) for row in rows]


def test_a_missing_text_is_empty_and_an_empty_text_is_quoted() -> None:
    rows = {"key": np.array(["", None, 7], object), "flag": np.array([True, False, True])}
    assert csv_lines(rows) == b'"",true\n,false\n7,true\n'
    assert json_lines(rows) == b'{"key":"","flag":true}\n{"key":null,"flag":false}\n{"key":"7","flag":true}\n'


def test_only_seconds_of_the_time_column_are_timestamps() -> None:
    rows = {"time": np.array([-0.5, np.inf]), "x": np.array([0.5, 1.5], np.float32)}
    assert csv_lines(rows, time="time") == b"1969-12-31T23:59:59.500000Z,0.5\n,1.5\n"
    assert csv_lines(rows, time="y") == b"-0.5,0.5\n,1.5\n"


def test_no_rows_are_no_text() -> None:
    for rows in ({}, {"x": np.zeros(0)}):
        assert (csv_lines(rows), json_lines(rows)) == (b"", b"")


def test_a_type_that_cannot_be_written_is_named() -> None:
    with pytest.raises(ConnectorError, match="column 'x' has type complex128, which cannot be written"):
        csv_lines({"x": np.zeros(1, np.complex128)})
