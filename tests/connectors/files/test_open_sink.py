from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.open import open_sink

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)

# Lone surrogates cannot be written, and a key that spans lines cannot be told from a stray quote in CSV.
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd\r\n"), min_size=1, max_size=6)
ROW = st.tuples(NAME, st.integers(-(10**15), 10**15).map(lambda micros: micros / 1e6), st.floats(allow_infinity=False))
ROWS = st.lists(ROW, min_size=1, max_size=10)


def table(rows: list[tuple[str, float, float]]) -> dict[str, Any]:
    return {
        "time": np.array([row[1] for row in rows], dtype=np.float64),
        "key": np.array([row[0] for row in rows], dtype=object),
        "y": np.array([row[2] for row in rows], dtype=np.float64),
    }


@SETTINGS
@given(
    rows=st.lists(ROW, min_size=1, max_size=10),
    cut=st.integers(0, 10),
    name=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
)
def test_rows_are_read_back_as_written(
    tmp_path: Path, rows: list[tuple[str, float, float]], cut: int, name: str
) -> None:
    path = tmp_path / f"out.{name}"
    with open_sink(path) as sink:
        sink.write(table(rows[:cut]))
        sink.write(table(rows[cut:]))
    events, dead = read(path, Schema(key="key", columns=("y",)))
    assert dead == []
    expected = [(key, time, None if np.isnan(y) else y) for key, time, y in rows]
    assert [(row[0], row[1], row[2][0]) for row in events] == expected


@SETTINGS
@given(
    rows=st.lists(ROW, min_size=1, max_size=10),
    cut=st.integers(0, 10),
    name=st.sampled_from(["csv", "jsonl"]),
)
def test_the_text_does_not_depend_on_how_rows_are_cut(
    tmp_path: Path, rows: list[tuple[str, float, float]], cut: int, name: str
) -> None:
    for file, parts in (("whole", [rows]), ("cut", [rows[:cut], rows[cut:]])):
        with open_sink(tmp_path / f"{file}.{name}") as sink:
            for part in parts:
                sink.write(table(part))
    assert (tmp_path / f"whole.{name}").read_bytes() == (tmp_path / f"cut.{name}").read_bytes()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("csv", 'time,key,y\n2023-11-14T22:13:20.500000Z,"a,""b""",0.1\n,c,\n'),
        (
            "jsonl",
            '{"time":"2023-11-14T22:13:20.500000Z","key":"a,\\"b\\"","y":0.1}\n{"time":null,"key":"c","y":null}\n',
        ),
    ],
)
def test_text_is_readable(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / f"out.{name}"
    with open_sink(path) as sink:
        sink.write(table([('a,"b"', 1700000000.5, 0.1), ("c", np.nan, np.inf)]))
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_a_truncated_file_is_continued_as_if_never_interrupted(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"out.{name}"
    rows = [("a", 1.0, 1.0), ("b", 2.0, 2.0), ("c", 3.0, 3.0)]
    with open_sink(path) as sink:
        sink.write(table(rows[:2]))
        sink.flush()
        position = sink.position()
        sink.write(table(rows[2:]))
    complete = path.read_bytes()
    path.write_bytes(complete + b"incomplete li")
    with open_sink(path, at=position) as sink:
        assert path.stat().st_size == position
        sink.write(table(rows[2:]))
    assert path.read_bytes() == complete


def test_the_position_has_only_what_was_flushed(tmp_path: Path) -> None:
    with open_sink(tmp_path / "out.csv") as sink:
        sink.write(table([("a", 1.0, 1.0)]))
        assert sink.position() == 0
        sink.flush()
        assert sink.position() == (tmp_path / "out.csv").stat().st_size


def test_a_file_truncated_to_nothing_gets_its_header_again(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("half a hea")
    with open_sink(path, at=0) as sink:
        sink.write(table([("a", np.nan, 1.0)]))
    assert path.read_text() == "time,key,y\n,a,1\n"


def test_other_columns_than_in_earlier_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with open_sink(path) as sink:
        sink.write({"a": np.array([1.0])})
        with pytest.raises(ConnectorError, match=r"has columns \['a'\], got \['b'\]"):
            sink.write({"b": np.array([1.0])})
        sink.flush()
        position = sink.position()
    with (
        open_sink(path, at=position) as sink,
        pytest.raises(ConnectorError, match=r"has the header 'a', the rows have \['b'\]"),
    ):
        sink.write({"b": np.array([1.0])})


def test_a_file_shorter_than_the_position_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("a\n")
    with pytest.raises(ConnectorError, match=r"out\.csv: has 2 bytes, cannot continue at 100"):
        open_sink(tmp_path / "out.csv", at=100)


def test_arrays_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with (
        open_sink(tmp_path / "out.csv") as sink,
        pytest.raises(ConnectorError, match="columns must be equally long"),
    ):
        sink.write({"a": np.zeros(1), "b": np.zeros(2)})


def test_standard_output_is_written_and_left_open() -> None:
    out = io.BytesIO()
    with open_sink("-", stdout=out) as sink:
        sink.write({"a": np.array([1, 2]), "b": np.array([True, False])})
    assert out.getvalue() == b"a,b\n1,true\n2,false\n"
    with open_sink("-", "jsonl", stdout=out) as sink:
        sink.write({"a": np.array([1.5])})
    assert json.loads(out.getvalue().splitlines()[-1]) == {"a": 1.5}


def test_a_parquet_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with open_sink(path) as sink:
        for start in range(0, 300_000, 10_000):
            sink.write({"time": np.arange(start, start + 10_000) + 0.5})
        sink.flush()
        assert not path.exists()
    file = pq.ParquetFile(path)
    assert file.metadata.num_rows == sink.position() == 300_000
    assert file.metadata.num_row_groups <= 3
    assert file.schema_arrow.field("time").type == pa.timestamp("us", "UTC")
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_a_parquet_folder_can_be_continued(tmp_path: Path) -> None:
    folder = f"{tmp_path}/out/"
    with open_sink(folder) as sink:
        sink.write({"x": np.array([1.0])})
        sink.flush()
        position = sink.position()
        sink.write({"x": np.array([2.0])})
        sink.flush()
        sink.write({"x": np.array([3.0])})
    with open_sink(folder, at=position) as sink:
        sink.write({"x": np.array([4.0])})
    assert [row[2][0] for row in read(f"{folder}*.parquet")[0]] == [1.0, 4.0]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("out.xml", {}, "out.xml: unknown extension, known are .csv"),
        ("out.csv", {"format": "xml"}, "format must be one of csv, tsv, jsonl, parquet, got 'xml'"),
        ("out.csv", {"at": -1}, "at must be at least 0, got -1"),
        (
            "out.parquet",
            {"at": 5},
            "out.parquet: a Parquet file cannot be continued; out.parquet/ writes",
        ),
        ("-", {"at": 5}, "standard output cannot be truncated"),
        ("out.jsonl", {"escape_formulas": True}, "escape_formulas needs csv or tsv, got jsonl"),
        ("out.parquet", {"escape_formulas": True}, "escape_formulas needs csv or tsv, got parquet"),
        ("-", {"format": "parquet"}, "parquet cannot be written to a pipe, use csv, tsv, jsonl"),
        ("/", {"format": "csv"}, "/: is a directory"),
    ],
)
def test_a_wrong_request_is_a_usage_error(path: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sink(path, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_missing_folder_is_named_in_the_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConnectorError, match="cannot be written: "):
        open_sink(tmp_path / "nowhere" / name)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_keys_are_written_as_text_whether_they_are_numbers_or_not(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with open_sink(path) as sink:
        for keys in ([7, 8], ["a", 9]):
            sink.write({"k": np.array(keys, dtype=object), "x": np.zeros(2)})
    assert [row[0] for row in read(path, Schema(key="k"))[0]] == ["7", "8", "a", "9"]
