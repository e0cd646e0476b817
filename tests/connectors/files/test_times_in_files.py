"""Times of files: the same events in any notation, and local times with a time zone."""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SET_BACK = dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC)
MOMENTS = [SET_BACK + dt.timedelta(minutes=10 * i) for i in range(-30, 30)]
"""Ten hours around the night when the clock was set back."""
SECONDS = [moment.timestamp() for moment in MOMENTS]
LOCAL = Schema(timezone="Europe/Berlin")


def write(path: Path, header: str, times: Sequence[object]) -> Path:
    path.write_text("\n".join([f"{header},x", *(f"{time},{i}" for i, time in enumerate(times))]) + "\n")
    return path


def times_of(path: Path, schema: Schema = Schema(), **options: object) -> list[float]:  # noqa: B008 - frozen
    with open_files(path, schema, **options) as source:  # type: ignore[arg-type]
        times = [time for batch in source for time in batch.times.tolist()]
        assert source.columns == ("x",)
        assert not len(source.dead_letters)
    return times


@pytest.mark.parametrize(
    "time_format", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%d %b %Y %H:%M", "%Y%m%d%H%M"]
)
def test_csv_times_in_any_notation_are_the_same(tmp_path: Path, time_format: str) -> None:
    path = write(tmp_path / "a.csv", "time", [moment.strftime(time_format) for moment in MOMENTS])
    assert times_of(path) == SECONDS


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
def test_csv_times_in_any_unit_are_the_same(tmp_path: Path, factor: int) -> None:
    assert times_of(write(tmp_path / "a.csv", "ts", [int(second) * factor for second in SECONDS])) == SECONDS


def test_date_and_time_of_day_are_read_from_two_columns(tmp_path: Path) -> None:
    texts = [moment.strftime("%d.%m.%Y,%H:%M") for moment in MOMENTS]
    path = write(tmp_path / "a.csv", "Date,Time", texts)
    assert times_of(path) == times_of(path, Schema(time="Date+Time", time_format="%d.%m.%Y %H:%M")) == SECONDS
    rows = [{"d": text.split(",")[0], "t": text.split(",")[1], "x": i} for i, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert times_of(tmp_path / "a.jsonl", Schema(time="d+t")) == SECONDS


def test_a_missing_date_or_time_of_day_is_a_missing_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Date,Time,x\n2024-01-31,12:00,1\n,12:01,2\n2024-01-31,NA,3\n")
    with open_files(path) as source:
        assert sum(map(len, source)) == 1
    assert source.dead_letters.reasons == {"time is missing": 2}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("timezone", [None, "UTC", "Europe/Berlin"])
def test_parquet_times_of_any_type_are_the_same(tmp_path: Path, unit: str, timezone: str | None) -> None:
    micros = pa.array([int(second) * 1_000_000 for second in SECONDS]).cast(pa.timestamp("us"))
    times = micros.cast(pa.timestamp(unit)).cast(pa.timestamp(unit, timezone))
    pq.write_table(pa.table({"__index_level_0__": times, "x": SECONDS[::-1]}), tmp_path / "a.parquet")
    assert times_of(tmp_path / "a.parquet") == SECONDS


def test_parquet_dates_and_times_of_day_by_type_are_one_time(tmp_path: Path) -> None:
    dates = pa.array([moment.date() for moment in MOMENTS])
    clocks = pa.array([moment.time() for moment in MOMENTS], pa.time32("s"))
    pq.write_table(pa.table({"Date": dates, "Time": clocks, "x": SECONDS[::-1]}), tmp_path / "a.parquet")
    assert times_of(tmp_path / "a.parquet") == SECONDS


LOCAL_TEXTS = [moment.astimezone(BERLIN).strftime("%d.%m.%Y %H:%M") for moment in MOMENTS]


def test_local_times_are_read_in_their_time_zone(tmp_path: Path) -> None:
    assert times_of(write(tmp_path / "a.csv", "Zeit", LOCAL_TEXTS), LOCAL) == SECONDS
    rows = [{"time": text, "x": i} for i, text in enumerate(LOCAL_TEXTS)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert times_of(tmp_path / "a.jsonl", LOCAL) == SECONDS
    naive = pa.array([moment.astimezone(BERLIN).replace(tzinfo=None) for moment in MOMENTS], pa.timestamp("ms"))
    pq.write_table(pa.table({"time": naive, "x": SECONDS[::-1]}), tmp_path / "a.parquet")
    assert times_of(tmp_path / "a.parquet", LOCAL) == SECONDS


@pytest.mark.parametrize("times", [[moment.isoformat() for moment in MOMENTS], list(map(int, SECONDS))])
def test_a_time_with_an_offset_or_an_epoch_is_not_local(tmp_path: Path, times: list[object]) -> None:
    assert times_of(write(tmp_path / "a.csv", "time", times), LOCAL) == SECONDS


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("start", range(28, 38, 3))
def test_reading_can_start_in_the_middle_of_the_repeated_hour(tmp_path: Path, name: str, start: int) -> None:
    path = tmp_path / name
    if name == "a.csv":
        write(path, "time", LOCAL_TEXTS)
    else:
        pq.write_table(pa.table({"time": LOCAL_TEXTS, "x": SECONDS[::-1]}), path, row_group_size=8)
    assert times_of(path, LOCAL, start={str(path): start}) == SECONDS[start:]


def test_a_time_that_the_clock_skipped_is_refused_and_counted(tmp_path: Path) -> None:
    texts = ["2024-03-31 01:30", "2024-03-31 02:30", "2024-03-31 03:30"]
    with open_files(write(tmp_path / "a.csv", "time", texts), LOCAL) as source:
        times = np.concatenate([batch.times for batch in source])
    assert np.diff(times).tolist() == [3600.0]
    assert source.dead_letters.reasons == {"time does not exist in the time zone: the clock was set forward": 1}


def test_excels_days_are_read_only_on_request(tmp_path: Path) -> None:
    days = [45_292.5 + i / 24 for i in range(20)]
    path = write(tmp_path / "a.csv", "time", days)
    noon = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC).timestamp()
    assert times_of(path, Schema(time_format="excel")) == [noon + 3600.0 * i for i in range(20)]
    assert times_of(path)[0] == 45_292.5


def test_files_with_other_units_are_not_merged(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{i}.csv", "ts", [int(s) * 1000**i for s in SECONDS]) for i in range(2)]
    with pytest.raises(ConnectorError, match=r"1\.csv: column 'ts' seems to have times in ms, .* first file are in s"):
        open_files(paths)
