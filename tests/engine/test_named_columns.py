"""Columns of a frame are matched by name, wherever a frame is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from stream_rnn import DataError, Engine, Race, Settings

SETTINGS = Settings(inputs=("load", "flow"), targets="flow", hidden=4, seed=1)
VALUES = np.column_stack([np.sin(np.arange(40) / 3), 50 + np.arange(40) % 7])
COLUMNS = {"flow": VALUES[:, 1], "load": VALUES[:, 0], "note": np.zeros(40)}
STRUCTURED = np.array(list(zip(VALUES[:, 1], VALUES[:, 0], strict=True)), [("flow", float), ("load", float)])
FRAMES = {
    "pandas": pd.DataFrame(COLUMNS),
    "polars": pl.DataFrame(COLUMNS),
    "pyarrow": pa.table(COLUMNS),
    "structured array": STRUCTURED,
    "mapping": COLUMNS,
}
EXPECTED = Engine(SETTINGS).process("pump", VALUES)


@pytest.mark.parametrize("kind", FRAMES)
def test_reversed_columns_forecast_the_same(kind: str) -> None:
    np.testing.assert_array_equal(Engine(SETTINGS).process("pump", FRAMES[kind]), EXPECTED)


@pytest.mark.parametrize("kind", FRAMES)
def test_hypothetical_events_and_targets_are_matched_by_name(kind: str) -> None:
    engine = Engine(SETTINGS)
    engine.process("pump", VALUES, FRAMES[kind])
    np.testing.assert_array_equal(engine.predict_many("pump", FRAMES[kind]), engine.predict_many("pump", VALUES))


def test_a_race_matches_columns_by_name() -> None:
    given, reversed_columns = (Race({"only": SETTINGS}).process("pump", X) for X in (VALUES, FRAMES["pandas"]))
    np.testing.assert_array_equal(given, reversed_columns)


def test_keys_and_times_of_a_frame_are_accepted() -> None:
    times = pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame(COLUMNS | {"key": ["a", "b"] * 20, "time": times})
    expected = Engine(SETTINGS).process(["a", "b"] * 20, VALUES, times=times.as_unit("s").asi8)
    for key in (frame["key"], pa.array(frame["key"])):
        np.testing.assert_array_equal(Engine(SETTINGS).process(key, frame, times=frame["time"]), expected)


def test_missing_values_of_any_library_are_missing() -> None:
    expected = Engine(SETTINGS).process("pump", [[1.0, np.nan]])
    for frame in (
        pd.DataFrame({"flow": pd.array([None], "Int64"), "load": [1.0]}),
        pl.DataFrame({"flow": [None], "load": [1.0]}, schema={"flow": pl.Float64, "load": pl.Float64}),
        pa.table({"flow": pa.array([None], pa.float64()), "load": [1.0]}),
    ):
        np.testing.assert_array_equal(Engine(SETTINGS).process("pump", frame), expected)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"load": [1.0]}), "X has no column 'flow'"),
        (pd.DataFrame({"load": [1.0], "Flow": [2.0]}), "X has no column 'flow'; did you mean 'Flow'?"),
        (pd.DataFrame(np.zeros((1, 2))), "X has no column 'load', 'flow'"),
        (pd.DataFrame(np.zeros((1, 3)), columns=["load", "flow", "flow"]), "X has two columns 'flow'"),
        ({"load": [1.0, 2.0], "flow": [2.0]}, "columns of X must have one length, got load 2, flow 1"),
        (
            pd.DataFrame({"load": ["warm"], "flow": [2.0]}),
            "X must consist of numbers, column 'load' does not: could not convert string to float: 'warm'",
        ),
    ],
)
def test_columns_that_do_not_fit_are_named(frame: Any, message: str) -> None:
    with pytest.raises(DataError) as raised:
        Engine(SETTINGS).process("pump", frame)
    assert str(raised.value) == message
