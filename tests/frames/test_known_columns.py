"""Columns whose next values are known, such as a plan, help to forecast; no other future is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from stream_rnn import frames
from stream_rnn.errors import StreamRNNError

N, HORIZON = 1500, 3
OPTIONS: dict[str, Any] = {"key": "site", "time": "hour", "targets": "load", "horizon": HORIZON, "preset": "linear"}


def planned(key: str, seed: int) -> pd.DataFrame:
    """Return a load that follows a plan with noise of a hundredth."""
    generator = np.random.default_rng(seed)
    plan = np.repeat(generator.normal(size=N // 2), 2) + generator.normal(size=N)
    hours = pd.date_range("2025-01-01", periods=N, freq="h")
    lagged = 0.8 * plan + 0.2 * np.roll(plan, 1)
    return pd.DataFrame({"site": key, "hour": hours, "load": lagged + 0.01 * generator.normal(size=N), "plan": plan})


def with_leads(frame: pd.DataFrame) -> pd.DataFrame:
    by_site = frame.groupby("site")["plan"]
    return frame.assign(**{f"plan+{k}": by_site.shift(-k) for k in range(1, HORIZON + 1)})


BOTH = pd.concat([planned("A", 1), planned("B", 2)]).reset_index(drop=True)


def mae(frame: pd.DataFrame, **options: Any) -> float:
    forecasts = frames.backtest(frame, **(OPTIONS | options)).forecasts
    values = frame.rename(columns={"site": "key", "hour": "time"})[["key", "time", "load"]]
    joined = forecasts.assign(time=forecasts["time"].astype("datetime64[ns]")).merge(values, on=["key", "time"])
    late = joined[joined["time"] > values["time"].iloc[N // 2]]
    return float((late["forecast"] - late["load"]).abs().mean())


def test_a_known_plan_divides_the_error_by_ten_as_columns_made_by_hand_do() -> None:
    without, known, by_hand = mae(BOTH), mae(BOTH, known="plan"), mae(with_leads(BOTH))
    assert known < without / 10
    assert known == by_hand


def test_forecasts_do_not_depend_on_the_future_of_other_columns() -> None:
    changed = BOTH.copy()
    future = changed["hour"] > changed["hour"].iloc[N - 100]
    changed.loc[future, "load"] = np.random.default_rng(3).normal(size=future.sum())
    origin = changed["hour"].iloc[N - 100]
    found = [frames.backtest(frame, known="plan", **OPTIONS).forecasts for frame in (BOTH, changed)]
    before = [frame[frame["origin"].dt.tz_localize(None) <= origin]["forecast"] for frame in found]
    np.testing.assert_array_equal(*before)


def test_rows_after_the_last_value_only_say_what_is_planned() -> None:
    open_end = BOTH.copy()
    rows = np.r_[N - HORIZON : N]
    open_end.loc[rows, "load"] = np.nan
    truth = BOTH.loc[rows, "load"].to_numpy()
    model = frames.learn(open_end, known=["plan"], **OPTIONS)
    assert model.engine.counts.events == 2 * N - HORIZON
    ahead = model.forecast("A")
    assert np.abs(ahead["forecast"].to_numpy() - truth).max() < 0.1
    assert ahead["time"].dt.tz_localize(None).tolist() == BOTH.loc[rows, "hour"].tolist()


def test_a_plan_that_ends_early_or_has_gaps_counts_as_missing() -> None:
    gaps = BOTH.copy()
    gaps.loc[gaps.index % 7 == 0, "plan"] = np.nan
    model = frames.learn(gaps, known="plan", **OPTIONS)
    assert model.engine.counts.missing_inputs > 0
    assert model.forecast()["forecast"].notna().all()


def test_a_frame_to_forecast_from_brings_its_plan() -> None:
    first, last = BOTH[BOTH["hour"] < BOTH["hour"].iloc[1000]], BOTH[BOTH["hour"] >= BOTH["hour"].iloc[1000]].copy()
    last.loc[last["hour"] > last["hour"].iloc[20], "load"] = np.nan
    model = frames.learn(first, known="plan", inputs="load", **OPTIONS)
    ahead = model.forecast(last)
    truth = BOTH.loc[[*range(1021, 1024), *range(N + 1021, N + 1024)], "load"].to_numpy()
    assert np.abs(ahead["forecast"].to_numpy() - truth).max() < 0.1
    again = frames.learn(last, model=model.engine, known="plan", key="site", time="hour")
    np.testing.assert_array_equal(again.forecast()["forecast"], ahead["forecast"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"known": "load"}, "known must not name a target, whose future is not known, got 'load'"),
        ({"known": "plann"}, "df has no column 'plann'; did you mean 'plan'?"),
        ({"known": ["plan", "plan"]}, "known must name each column once, got 'plan' twice"),
        ({"known": 3}, "known must be a name or a list of names, got 3"),
        ({"known": "plan", "targets": ()}, "known needs targets: name the columns to forecast"),
        ({"known": "plan", "horizon": "6h"}, "horizon must be a number of events with known, got '6h'"),
        ({"known": "plan", "horizon": 0}, "horizon must be from 1 to 100000, got 0"),
        ({"known": "plan", "task": "regression"}, "known is for forecasts only, got task regression"),
        ({"known": "plan", "horizon": 2000}, "horizon must be at most 1000 with known: 2,000 leads"),
        ({"known": "plan", "categories": "plan"}, "known must name columns of numbers, got 'plan', which is in categ"),
        ({"known": "plan", "every": "1h"}, "every is not allowed with known"),
    ],
)
def test_what_cannot_be_known_is_told_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StreamRNNError) as caught:
        frames.backtest(BOTH, **(OPTIONS | options))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_frames_that_do_not_fit_are_refused() -> None:
    model = frames.learn(BOTH, known="plan", **OPTIONS)
    with pytest.raises(StreamRNNError, match="horizon must be at most that of the model, 3, got 4"):
        model.forecast(horizon=4)
    with pytest.raises(StreamRNNError, match="no row with a target"):
        model.forecast(BOTH.assign(load=np.nan))
    with pytest.raises(StreamRNNError, match=r"must not have a column 'plan\+1'"):
        frames.learn(with_leads(BOTH), known="plan", **OPTIONS)
    plain = frames.learn(BOTH, **OPTIONS)
    with pytest.raises(StreamRNNError, match=r"known needs a model with the input 'plan\+1'"):
        frames.learn(BOTH, model=plain.engine, known="plan", key="site", time="hour")
