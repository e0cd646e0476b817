from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading import read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)


def write(path: Path, **columns: object) -> str:
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return str(path)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_any_unit_are_seconds(tmp_path: Path, unit: str) -> None:
    path = write(tmp_path / "a.parquet", time=pa.array([NOON], pa.timestamp(unit, "UTC")), x=[1.0])
    assert read(path)[0] == [("", NOON.timestamp(), (1.0,), False, 0, 0)]


def test_numbers_of_all_types_are_inputs(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        k=pa.array([7, None], pa.int32()),
        a=pa.array([1, 2], pa.uint8()),
        b=pa.array([1.5, None], pa.float32()),
        c=[True, False],
        text=["x", "y"],
        nested=[[1], [2]],
    )
    with open_files(path, Schema(key="k")) as source:
        assert source.columns == ("a", "b", "c")
        assert source.ignored.keys() == {"text", "nested"}
        batches = list(source)
    assert batches[0].keys.tolist() == ["7"]
    assert source.dead_letters.reasons == {"column 'k': key is missing or not UTF-8": 1}


def test_numbers_and_times_may_be_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", time=["2024-01-31T12:00:00Z", "?"], x=["1", "2"])
    assert read(path) == ([("", NOON.timestamp(), (1.0,), False, 0, 0)], [(1, "column 'time': not a time")])


def test_words_in_a_text_column_of_numbers_are_missing_values_that_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", x=["1", "off", None, "2", "off", "3"], y=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    with open_files(path) as source:
        assert [row[2][0] for row in rows(source)] == [1.0, None, None, 2.0, None, 3.0]
        assert source.bad_values.counts == {"x": {"off": 2}}
    assert read(path, Schema(bad_values="refuse"))[1] == [(i, "column 'x': not a number") for i in (1, 4)]


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", x=[1.0, float("inf")])
    assert read(path)[1] == [(1, "column 'x': not a finite number")]


@pytest.mark.parametrize("start", range(8))
def test_reading_starts_at_any_record(tmp_path: Path, start: int) -> None:
    path = write(tmp_path / "a.parquet", x=[float(i) for i in range(7)])
    assert [row[5] for row in read(path, start={path: start})[0]] == list(range(start, 7))


@pytest.mark.parametrize("keep", [0, 3, 50, -1])
def test_a_truncated_file_is_named_in_the_error(tmp_path: Path, keep: int) -> None:
    complete = (tmp_path / write(tmp_path / "a.parquet", x=[1.0] * 100)).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(complete[:keep])
    with pytest.raises(ConnectorError, match=r"cut\.parquet: is (empty|not a complete Parquet file)") as caught:
        open_files(str(tmp_path / "cut.parquet"))
    assert "\n" not in str(caught.value)


def test_a_damaged_file_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [float(i) for i in range(1000)]}), path)
    data = bytearray(path.read_bytes())
    data[4:200] = b"\xff" * 196
    path.write_bytes(data)
    with pytest.raises(ConnectorError, match=r"a\.parquet: is damaged"):
        read(str(path))
