"""The forecaster that is a race forecasts what the race forecasts, and obeys the laws of the other forecasters."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from stream_rnn import DataError, Race, SettingError
from stream_rnn.estimators import AutoForecaster
from stream_rnn.settings.race import PRESETS, RaceSettings


def event(t: int) -> tuple[float, dict[str, float]]:
    return math.sin(t / 3) + t % 5, {"a": math.cos(t / 3), "b": float(t % 2)}


def train(model: AutoForecaster, start: int = 0, stop: int = 60) -> AutoForecaster:
    for t in range(start, stop):
        model.learn_one(*event(t))
    return model


@pytest.fixture
def model() -> AutoForecaster:
    return train(AutoForecaster(horizon=4, seed=1))


def test_its_forecasts_are_those_of_the_preset(model: AutoForecaster) -> None:
    race = Race.preset("auto", inputs=("y", "a", "b"), targets="y", horizon=4, seed=1)
    for t in range(60):
        y, x = event(t)
        expected = race.step("stream", [y, *x.values()], [y])
    np.testing.assert_array_equal(model.forecast(4), expected[:, 0])
    assert model.forecast(2) == model.forecast(4)[:2]


def test_the_loss_and_the_rule_of_retirement_are_parameters() -> None:
    model = train(AutoForecaster(horizon=2, loss="absolute", retire_below=0.02, check_every=50, seed=1))
    race = model.race
    assert race is not None
    naive = PRESETS["auto"].race.naive
    assert race.race_settings == RaceSettings(weigh_by="absolute", retire_below=0.02, check_every=50, naive=naive)
    for wrong in ({"loss": "huber"}, {"retire_below": 0.9}, {"hidden": 3}, {"targets": "y"}, {"horizon": 0}):
        with pytest.raises(SettingError):
            AutoForecaster(**wrong)  # type: ignore[arg-type]


def test_it_forecasts_as_far_as_it_was_made_for(model: AutoForecaster) -> None:
    with pytest.raises(DataError, match="horizon must be at most that of the forecaster, 4, got 5"):
        model.forecast(5)


def test_a_pickled_or_cloned_forecaster_continues_identically(model: AutoForecaster) -> None:
    pickled, clone = pickle.loads(pickle.dumps(model)), model.clone(include_attributes=True)  # noqa: S301
    expected = train(model, 60, 80).forecast(4)
    assert train(pickled, 60, 80).forecast(4) == expected
    assert train(clone, 60, 80).forecast(4) == expected


def test_a_forecast_changes_nothing(model: AutoForecaster) -> None:
    before = pickle.dumps(model)
    assert model.forecast(3, [{"a": 1.0, "new": 2.0}] * 3) == model.forecast(3)
    assert pickle.dumps(model) == before


def test_features_may_appear_and_disappear_and_what_was_learned_stays() -> None:
    model = AutoForecaster(horizon=2, retire_below=0.05, check_every=30, seed=1)
    for t in range(120):
        y, x = event(t)
        model.learn_one(y, {name: x[name] for name in sorted(x)[: t // 40]})
        assert all(map(math.isfinite, model.forecast(2)))
    race = model.race
    assert race is not None
    assert race.settings.inputs == ("y", "a", "b")
    assert race.counts.events == 120


def test_a_new_feature_has_no_effect_until_it_is_learned(model: AutoForecaster) -> None:
    race = model.race
    assert race is not None
    grown = race.with_inputs(("y", "a", "b", "c"))
    np.testing.assert_allclose(grown.predict("stream"), race.predict("stream"), rtol=1e-5)
    assert grown.weights("stream").keys() == race.weights("stream").keys()
    assert race.settings.inputs == ("y", "a", "b")


@pytest.mark.parametrize("by", ["key", "end", "reset"])
def test_the_forecast_is_zero_at_the_start_of_a_stream_or_sequence(model: AutoForecaster, by: str) -> None:
    if by == "reset":
        model.reset()
    if by == "end":
        model.learn_one(*event(60), end=True)
    assert model.forecast(4, key="another" if by == "key" else None) == [0.0] * 4


def test_streams_by_a_field_and_by_a_keyword_are_the_same() -> None:
    by_field: Any
    by_field, by_keyword = AutoForecaster(horizon=2, key_field="sensor", seed=1), AutoForecaster(horizon=2, seed=1)
    for t in range(40):
        y, x = event(t)
        by_field.learn_one(y, {**x, "sensor": f"s{t % 2}"})
        by_keyword.learn_one(y, x, key=f"s{t % 2}")
    assert by_field.forecast(2, [{"sensor": "s1"}] * 2) == by_keyword.forecast(2, key="s1")
