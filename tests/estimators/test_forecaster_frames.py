"""Forecasters learn from series and frames as from single events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from stream_rnn import DataError
from stream_rnn.estimators import AutoForecaster, GRUForecaster

Y = [float(value) for value in 20 + np.sin(np.arange(60) / 3)]
Y[7] = np.nan
KEYS = ["pump", "fan"] * 30
TIMES = pd.date_range("2025-01-01", periods=60, freq="h")
X = pd.DataFrame({"load": np.arange(60.0) % 5, "late": [None] * 20 + [1.0] * 40, "state": ["on", "off", None] * 20})
MODELS: dict[str, Any] = {
    "GRU": lambda: GRUForecaster(horizon=2, hidden=4, seed=1),
    "auto": lambda: AutoForecaster(horizon=2, seed=1),
}


def row(frame: pd.DataFrame, place: int) -> dict[str, Any]:
    return {name: None if pd.isna(value) else value for name, value in frame.iloc[place].items()}


@pytest.mark.parametrize("name", MODELS)
def test_learn_many_is_learn_one_for_each_row(name: str) -> None:
    one, many = MODELS[name](), MODELS[name]()
    for i, y in enumerate(Y):
        one.learn_one(y, row(X, i), key=KEYS[i], time=TIMES[i].to_pydatetime())
    many.learn_many(pd.Series(Y), X, key=KEYS, time=TIMES)
    expected = [one.forecast(2, key=key) for key in ("fan", "pump")]
    np.testing.assert_array_equal(many.predict_many(2, ["fan", "pump"]), expected)


@pytest.mark.parametrize("y", [Y, np.array(Y), pd.Series(Y), pl.Series(Y), pa.array(Y)], ids=lambda y: type(y).__name__)
def test_the_target_alone_is_enough(y: Any) -> None:
    one, many = MODELS["GRU"](), MODELS["GRU"]()
    for value in Y:
        one.learn_one(value)
    many.learn_many(y)
    assert many.predict_many(3).tolist() == [one.forecast(3)]


def test_fields_of_a_frame_are_key_and_time() -> None:
    by_field = GRUForecaster(horizon=2, hidden=4, seed=1, key_field="key", time_field="time")
    by_field.learn_many(Y, X.assign(key=KEYS, time=TIMES))
    by_keyword = MODELS["GRU"]()
    by_keyword.learn_many(Y, X, key=KEYS, time=TIMES)
    np.testing.assert_array_equal(by_field.predict_many(2, KEYS[:2]), by_keyword.predict_many(2, KEYS[:2]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": Y[:3], "X": X}, "y must have one value for each of the 60 rows of X, got 3"),
        ({"y": 5.0}, "y must be a series, an array or a list, got float"),
        ({"y": ["warm"]}, "y must consist of numbers, got str 'warm' for 'y'"),
        ({"y": Y, "key": ["pump"]}, "key must have one value for each of the 60 rows of X, got 1"),
    ],
)
def test_what_cannot_be_learned_is_refused_and_changes_nothing(arguments: dict[str, Any], message: str) -> None:
    model = MODELS["GRU"]()
    with pytest.raises(DataError) as raised:
        model.learn_many(**arguments)
    assert str(raised.value).startswith(message)
    assert model.engine is None


def test_no_horizon_is_refused() -> None:
    with pytest.raises(DataError, match="horizon"):
        MODELS["GRU"]().predict_many(0, [])
