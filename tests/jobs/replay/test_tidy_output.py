"""Replays in Python, and their tidy files, say which time each forecast refers to."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from replays import NETWORK, run_job

from stream_rnn import DataError, SettingError, frames, replay
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

HOURS = pd.date_range("2025-01-01", periods=9000, freq="h")
VALUES = pd.DataFrame(
    {"time": np.repeat(HOURS, 2), "pump": ["a", "b"] * 9000, "load": np.round(20 + np.sin(np.arange(18_000) / 9), 4)}
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "pumps.csv"
    VALUES.to_csv(path, index=False)
    return path


def test_a_replay_returns_scores_forecasts_and_the_engine(recording: Path) -> None:
    found = replay(recording, frame="pandas", key="pump", **NETWORK)
    expected = frames.backtest(VALUES, key="pump", **NETWORK)
    pd.testing.assert_frame_equal(found.scores, expected.scores)
    columns = ["key", "horizon", "target", "forecast"]
    pd.testing.assert_frame_equal(found.forecasts[columns], expected.forecasts[columns])
    assert found.forecasts["time"].iloc[0] == HOURS[1].tz_localize("UTC")
    np.testing.assert_array_equal(found.engine.predict("a"), expected.engine.predict("a"))
    assert found.skill == expected.skill > 0


@pytest.mark.parametrize(("frame", "kind"), [("pyarrow", pa.Table), ("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_frames_are_of_the_library_that_is_named(recording: Path, frame: str, kind: type) -> None:
    result = replay(recording, frame=frame, key="pump", **NETWORK)
    assert isinstance(result.forecasts, kind)
    assert isinstance(result.scores, kind)


def test_the_command_writes_the_forecasts_that_python_returns(recording: Path, tmp_path: Path) -> None:
    output = tmp_path / "tidy.parquet"
    options = ("--key", "pump", "--hidden", "4", "--window", "4", "--horizon", "2", "--tidy", "--output", output)
    command = [sys.executable, "-m", "stream_rnn.cli", "replay", recording, *options]
    subprocess.run(command, check=True, capture_output=True)
    written = pyarrow.parquet.read_table(output).to_pandas()
    expected = replay(recording, frame="pandas", key="pump", **NETWORK).forecasts
    assert list(written.columns) == list(expected.columns)
    known = written["time"].notna()  # a first event does not say when the next one is
    assert (~known).sum() == 4
    pd.testing.assert_frame_equal(written[known], expected[known], check_dtype=False)


@pytest.mark.parametrize("output", ["tidy.csv", "tidy.jsonl"])
def test_a_resumed_run_writes_the_times_of_an_uninterrupted_one(recording: Path, tmp_path: Path, output: str) -> None:
    def run(folder: str, stop_after: int | None, **more: Any) -> bytes:
        (tmp_path / folder).mkdir(exist_ok=True)
        where = {"output": f"{tmp_path}/{folder}/{output}", "checkpoint": f"{tmp_path}/{folder}/state"}
        settings = ReplaySettings(files=str(recording), key="pump", tidy=True, **where, **more)
        run_job(open_replay(settings, NETWORK), stop_after)
        return (tmp_path / folder / output).read_bytes()

    whole = run("whole", None)
    assert run("parts", 8000) != whole
    assert run("parts", None, resume=True) == whole
    assert b"2025-01-01T02:00:00.000000Z" in whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"files": "missing.csv"}, "missing.csv: no such file"),
        ({"horizn": 3}, "unknown setting 'horizn'; did you mean 'horizon'?"),
        ({"tidy": True}, "tidy needs output, the file to write to"),
        ({"max_streams": 5}, "max_streams must not be set, as scores are kept of every stream, got 5"),
        ({"key": "pmp"}, "no column 'pmp'; did you mean 'pump'?"),
        ({"preset": "autoo"}, "preset must be one of"),
        ({"frame": "panda"}, "frame must be one of"),
    ],
)
def test_what_cannot_be_replayed_is_told_in_one_line(recording: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ConnectorError, DataError, SettingError)) as raised:
        replay(**{"files": recording} | options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
