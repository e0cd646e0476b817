"""Frames of any library become tidy forecasts, and what cannot be used is told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from stream_rnn import Engine, Settings, frames
from stream_rnn.errors import StreamRNNError

if TYPE_CHECKING:
    from collections.abc import Callable

HOURS = pd.date_range("2025-03-28", periods=120, freq="h", tz="Europe/Berlin")
WAVE = np.sin(np.arange(120) / 4)
LONG = pd.concat(
    pd.DataFrame({"unique_id": key, "ds": HOURS, "y": 10.0 * key + WAVE * key}) for key in (1, 2)
).reset_index(drop=True)
SMALL: dict[str, Any] = {"preset": "linear", "horizon": 2}
TIDY = ["key", "origin", "time", "horizon", "target", "forecast", "low", "high", "anomaly"]
KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


def as_pandas(frame: Any) -> pd.DataFrame:
    return frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()


@pytest.fixture(scope="module")
def learned() -> frames.FrameModel:
    return frames.learn(LONG, **SMALL)


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_frames_of_the_library_with_its_keys_and_zone(kind: str) -> None:
    given = KINDS[kind](LONG)
    result = frames.backtest(given, **SMALL)
    forecast = frames.learn(given, **SMALL).forecast([2])
    for frame in (result.forecasts, forecast):
        assert type(frame) is type(given)
        tidy = as_pandas(frame)
        assert list(tidy.columns) == TIDY
        assert tidy["key"].dtype == np.int64
        assert str(tidy["origin"].dtype.tz) == str(tidy["time"].dtype.tz) == "Europe/Berlin"
    assert as_pandas(forecast)["time"].tolist() == [HOURS[-1] + pd.Timedelta(hours=ahead) for ahead in (1, 2)]


def test_forecasts_are_those_of_an_engine_on_the_rows_in_order_of_time() -> None:
    ordered = LONG.sort_values("ds", kind="stable")
    engine = Engine(Settings.preset("linear", inputs="y", horizon=2))
    expected = engine.process(ordered["unique_id"].astype(str), ordered[["y"]], times=ordered["ds"])
    found = frames.backtest(LONG, **SMALL).forecasts
    np.testing.assert_array_equal(found["forecast"], expected.reshape(-1))


def test_the_order_of_rows_and_columns_makes_no_difference() -> None:
    wide = LONG.assign(load=np.arange(240.0) % 5)
    shuffled = wide.sample(frac=1.0, random_state=1)[["load", "y", "ds", "unique_id"]]
    expected, found = (frames.backtest(each, inputs=("y", "load"), targets="y", **SMALL) for each in (wide, shuffled))
    by = ["key", "origin", "horizon"]
    columns = ["key", "time", "forecast"]
    pd.testing.assert_frame_equal(
        *(each.forecasts.sort_values(by)[columns].reset_index(drop=True) for each in (expected, found))
    )


def test_time_is_that_of_the_event_the_forecast_refers_to() -> None:
    gaps = LONG.drop(index=[5, 6, 7])
    tidy = frames.backtest(gaps, **SMALL).forecasts
    first = tidy[(tidy["key"] == 1) & (tidy["horizon"] == 1)]
    times = gaps["ds"][gaps["unique_id"] == 1].tolist()
    assert first["origin"].tolist() == times
    assert first["time"].tolist() == [*times[1:], times[-1] + pd.Timedelta(hours=1)]


@pytest.mark.parametrize(
    ("times", "following"),
    [
        (pd.date_range("2024-01-01", periods=24, freq="MS"), ["2026-01-01", "2026-02-01"]),
        (pd.date_range("2025-03-20", periods=10, tz="Europe/Berlin"), ["2025-03-30", "2025-03-31"]),
        (
            pd.date_range("2025-03-30", periods=2, freq="h", tz="Europe/Berlin"),
            ["2025-03-30 03:00", "2025-03-30 04:00"],
        ),
    ],
    ids=["months", "days across a change of the clock", "hours across a change of the clock"],
)
def test_months_and_days_follow_the_calendar(times: pd.DatetimeIndex, following: list[str]) -> None:
    df = pd.DataFrame({"ds": times, "y": np.arange(float(len(times)))})
    assert frames.learn(df, **SMALL).forecast()["time"].tolist() == [pd.Timestamp(at, tz=times.tz) for at in following]


@pytest.mark.parametrize(
    ("times", "kind"),
    [
        (np.arange(100) * 60, "int64"),
        (np.arange(100) * 60_000 + 1_700_000_000_000, "int64"),
        (pd.date_range("2025-01-01", periods=100).strftime("%d.%m.%Y"), "datetime64[us, UTC]"),
    ],
)
def test_times_of_any_kind_are_recognised(times: Any, kind: str) -> None:
    tidy = frames.backtest(pd.DataFrame({"time": times, "load": np.arange(100.0)}), **SMALL).forecasts
    assert "key" not in tidy
    assert str(tidy["time"].dtype) == kind
    assert tidy["origin"].iloc[2] == tidy["time"].iloc[0]


def test_the_index_of_pandas_may_be_the_time() -> None:
    df = pd.DataFrame({"load": WAVE}, index=HOURS)
    assert frames.backtest(df, **SMALL).forecasts["origin"].iloc[0] == HOURS[0]


def test_scores_are_of_each_stream_target_and_horizon_beside_the_baselines() -> None:
    result = frames.backtest(LONG, season=24, **SMALL)
    tidy, scores = result.forecasts, result.scores
    assert scores[["key", "target", "horizon"]].to_numpy().tolist() == [
        [key, "y", ahead] for key in (1, 2) for ahead in (1, 2)
    ]
    values = LONG.rename(columns={"unique_id": "key", "ds": "time"})
    joined = tidy.merge(values, on=["key", "time"])
    joined = joined.merge(values, left_on=["key", "origin"], right_on=["key", "time"], suffixes=("", "_last"))
    errors = (joined["forecast"] - joined["y"]).abs().groupby([joined["key"], joined["horizon"]])
    naive = (joined["y_last"] - joined["y"]).abs().groupby([joined["key"], joined["horizon"]])
    np.testing.assert_allclose(scores["mae"], errors.mean())
    np.testing.assert_allclose(scores["persistence_mae"], naive.mean())
    np.testing.assert_array_equal(scores["scored"], errors.count())
    assert (scores["mae"] < scores["seasonal_naive_mae"]).all()


def test_the_default_is_preset_auto() -> None:
    assert list(frames.learn(LONG, horizon=2).engine.standings())[:2] == ["forecast", "linear"]


def test_a_model_learns_on_and_forecasts_a_frame_without_learning_from_it(learned: frames.FrameModel) -> None:
    early, late = LONG[LONG["ds"] < HOURS[100]], LONG[LONG["ds"] >= HOURS[100]]
    model = frames.learn(early, **SMALL)
    before = model.forecast()
    ahead = model.forecast(late[["y", "ds", "unique_id"]])
    pd.testing.assert_frame_equal(model.forecast(), before)
    pd.testing.assert_frame_equal(model.forecast(LONG), ahead)
    model.learn(late)
    pd.testing.assert_frame_equal(model.forecast(), ahead)
    pd.testing.assert_frame_equal(learned.forecast(), ahead)


def test_a_new_stream_of_a_frame_is_forecast_after_its_rows(learned: frames.FrameModel) -> None:
    new = LONG[LONG["unique_id"] == 2].assign(unique_id=3)
    ahead = learned.forecast(new)
    assert ahead["key"].tolist() == [3, 3]
    assert (ahead["forecast"] - 20).abs().max() < 3
    assert learned.engine.keys == ["1", "2"]


def test_a_loaded_engine_continues_with_a_frame(learned: frames.FrameModel, tmp_path: Any) -> None:
    early, late = LONG[LONG["ds"] < HOURS[100]], LONG[LONG["ds"] >= HOURS[100]]
    frames.learn(early, **SMALL).engine.save(tmp_path / "model")
    model = frames.learn(late, model=Engine.load(tmp_path / "model"))
    pd.testing.assert_frame_equal(model.forecast(), learned.forecast())


def test_forecasts_beyond_the_horizon_are_rolled_out(learned: frames.FrameModel) -> None:
    long = learned.forecast("1", horizon=5)
    assert long["horizon"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(long["forecast"][:2], learned.forecast("1")["forecast"])
    np.testing.assert_array_equal(long["forecast"][2:], learned.engine.generate("1", steps=5)[2:, 0])


def test_intervals_and_anomaly_scores_are_columns() -> None:
    result = frames.backtest(LONG, interval=0.9, anomaly=True, **SMALL)
    last = result.forecasts.groupby("key").tail(2)
    model = frames.learn(LONG, interval=0.9, anomaly=True, **SMALL)
    pd.testing.assert_frame_equal(model.forecast(), last.sort_values(["key", "horizon"]).reset_index(drop=True))
    assert (last["low"] < last["forecast"]).all()
    assert last["anomaly"].between(0, 1).all()


def test_missing_values_and_words_count_as_missing(caplog: pytest.LogCaptureFixture) -> None:
    values = LONG["y"].astype(object)
    values[[3, 10, 50]] = ["unavailable", None, "NA"]
    numbers = LONG["y"].copy()
    numbers[[3, 10, 50]] = np.nan
    found, expected = (frames.backtest(LONG.assign(y=y), **SMALL).forecasts["forecast"] for y in (values, numbers))
    np.testing.assert_array_equal(found, expected)
    assert "frame: values of column 'y' are no numbers, and count as missing: 'unavailable' (1)" in caplog.messages


def test_rows_without_a_time_are_not_used_and_told(caplog: pytest.LogCaptureFixture) -> None:
    df = LONG.copy()
    df.loc[[4, 7], "ds"] = pd.NaT
    assert frames.backtest(df, **SMALL).summary.events == 238
    assert "frame: 2 records are not used: time is missing (2)" in caplog.messages


def test_the_season_of_months_is_a_year() -> None:
    months = pd.date_range("2010-01-01", periods=60, freq="MS")
    result = frames.backtest(pd.DataFrame({"ds": months, "y": months.month.astype(float)}), **SMALL)
    assert result.summary.season == 12
    assert result.scores["seasonal_naive_mae"].max() == 0


MIXED = [pd.Timestamp("2025-01-01", tz="UTC"), *HOURS[1:]]
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no frame": (
        lambda: frames.learn([1.0, 2.0]),
        "df must be a data frame of pandas, polars or pyarrow, got list",
    ),
    "lazy": (
        lambda: frames.learn(pl.from_pandas(LONG).lazy()),
        "a LazyFrame has no rows yet: collect it first",
    ),
    "empty": (lambda: frames.learn(LONG[:0]), "df has no rows"),
    "no time": (
        lambda: frames.learn(LONG[["unique_id", "y"]]),
        "frame: no column is a time: set time to its name, or to '' for rows in order at equal distances",
    ),
    "no key": (
        lambda: frames.learn(LONG.sort_values("ds").rename(columns={"unique_id": "pump"})),
        "frame: no key is set, times repeat, and column 'pump' has 2 distinct numbers: is it the key",
    ),
    "an unknown key column": (
        lambda: frames.learn(LONG, key="unique"),
        "frame: no column 'unique'; did you mean 'unique_id'?",
    ),
    "duplicate names": (
        lambda: frames.learn(pd.concat([LONG, LONG[["y"]]], axis=1)),
        "df has two columns 'y': rename one of them",
    ),
    "mixed time zones": (
        lambda: frames.learn(pd.DataFrame({"ds": pd.Series(MIXED, dtype=object), "y": WAVE})),
        "column 'ds' has times of several time zones (UTC, Europe/Berlin): convert them to one",
    ),
    "object columns": (
        lambda: frames.learn(pd.DataFrame({"ds": HOURS, "y": [object()] * 120})),
        "frame: no numeric column",
    ),
    "no usable time": (
        lambda: frames.learn(LONG.assign(ds=pd.Series(pd.NaT, LONG.index, "datetime64[ns]"))),
        "frame: no record can be used, of 240: time is missing (240)",
    ),
    "an unknown option": (lambda: frames.backtest(LONG, horizn=2), "unknown setting 'horizn'; did you mean 'horizon'?"),
    "an option of files": (lambda: frames.backtest(LONG, output="a.csv"), "output is for files, not for a frame"),
    "a horizon of 0": (lambda: frames.backtest(LONG, horizon=0), "horizon must be from 1 to 100000, got 0"),
    "a missing target": (
        lambda: frames.backtest(LONG, targets="flow"),
        "targets must be numeric columns of frame, got 'flow'; there are 'y'",
    ),
    "labels": (
        lambda: frames.backtest(LONG.assign(x=1.0), task="regression", targets="y"),
        "tidy forecasts need task forecast and numbers as targets, got regression",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told_in_one_line(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(StreamRNNError) as raised:
        call()
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be an integer of at least 1, got 0"),
        ({"of": [3]}, "no stream has the key '3'"),
        ({"of": LONG[["unique_id", "ds"]]}, "frame: no column 'y'; there are 'unique_id', 'ds'"),
    ],
    ids=["a horizon of 0", "an unknown key", "a frame without its inputs"],
)
def test_what_cannot_be_forecast_is_told_in_one_line(
    arguments: dict[str, Any], message: str, learned: frames.FrameModel
) -> None:
    with pytest.raises(StreamRNNError) as raised:
        learned.forecast(**arguments)
    assert str(raised.value) == message


def test_a_race_does_not_forecast_beyond_its_horizon() -> None:
    with pytest.raises(StreamRNNError, match="horizon must be at most that of the model, 1, got 2"):
        frames.learn(LONG).forecast(horizon=2)


def test_rows_are_not_learned_twice(learned: frames.FrameModel) -> None:
    with pytest.raises(StreamRNNError, match="df has 240 rows that are not later than those learned from"):
        learned.learn(LONG)
