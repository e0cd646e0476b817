"""Forecasts and intervals stay within the bounds of their target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from compiled_kernels import clip_forecast
from support import bits, engine_of

from stream_rnn import Engine, Race, SettingError, Settings
from stream_rnn.engine.build import plan_engine
from stream_rnn.settings.race import RaceSettings

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = np.random.default_rng(0).poisson(0.7, (500, 1)).astype(float)
COUNTED: dict[str, Any] = {"inputs": "visits", "horizon": 2, "interval": 0.9}


def test_without_bounds_counts_are_forecast_below_0() -> None:
    intervals = engine_of(**COUNTED).process_detailed("s", COUNTS).intervals
    assert intervals is not None
    assert np.nanmin(intervals) < 0


def test_no_forecast_and_no_interval_of_counts_is_below_0_and_coverage_is_kept() -> None:
    engine = engine_of(**COUNTED, lower=0)
    result = engine.process_detailed("s", COUNTS)
    assert result.intervals is not None
    assert result.forecasts.min() >= 0
    assert np.nanmin(result.intervals) == 0
    assert engine.counts.covered / engine.counts.judged > 0.87


def test_short_series_have_no_interval_below_0() -> None:
    intervals = engine_of(**COUNTED, lower=0).process_detailed("s", [[0.0], [7.0]]).intervals
    assert intervals is not None
    assert not (intervals < 0).any()


def test_a_target_has_its_own_bounds_and_others_have_none() -> None:
    x = np.random.default_rng(1).normal(size=(300, 3))
    engine = engine_of(inputs=("a", "b", "c"), lower={"a": 0.5, "*": -0.2}, upper={"b": 0.1})
    forecasts = engine.process("s", x)[:, 0]
    assert forecasts[:, 0].min() == 0.5
    assert (forecasts[:, 1].min(), forecasts[:, 1].max()) == (-0.2, 0.1)
    assert forecasts[:, 2].min() == -0.2
    assert forecasts[:, 2].max() > 0.5


def test_bounds_do_not_change_what_is_learned() -> None:
    bounded, free = engine_of(**COUNTED, lower=0), engine_of(**COUNTED)
    forecasts = [engine.process("s", COUNTS) for engine in (bounded, free)]
    np.testing.assert_array_equal(forecasts[0], np.maximum(forecasts[1], 0))


def test_single_steps_predictions_and_rollouts_are_within_the_bounds(tmp_path: Path) -> None:
    engine = engine_of(**COUNTED, lower=0, upper=1)
    engine.process("s", COUNTS)
    engine.save(tmp_path / "engine")
    for model in (engine, Engine.load(tmp_path / "engine")):
        made = [model.predict("s", [9.0]), model.generate("s", [9.0], steps=20), model.predict_many(["s"], [[-9.0]])]
        for forecast in (*made, model.step("s", [9.0])):
            assert 0 <= forecast.min() <= forecast.max() <= 1
    assert bits(engine) == bits(model)


@pytest.mark.parametrize(("loss", "values"), [("squared", 1), ("quantile", 3), ("gaussian_nll", 1)])
def test_values_of_any_loss_are_bounded_and_a_variance_is_not(loss: Any, values: int) -> None:
    bounds = plan_engine(Settings(inputs="x", loss=loss, lower=-0.5, upper=0.5)).model.bounds
    forecast = np.array([-9.0, 9.0, 9.0])
    clip_forecast(bounds, 0, forecast)
    assert forecast.tolist() == ([-0.5, 0.5, 0.5] if values == 3 else [-0.5, 9, 9])


def test_labels_are_within_the_bounds() -> None:
    x = np.random.default_rng(3).normal(size=(300, 1))
    engine = engine_of(inputs="x", targets="y", task="regression", lower=0, upper=2)
    labels = engine.process("s", x, 5 * x)
    assert (labels.min(), labels.max()) == (0, 2)


def test_a_race_forecasts_within_the_bounds_although_naive_members_would_not() -> None:
    x = 10.0 - 0.1 * np.arange(200)[:, np.newaxis] + np.sin(np.arange(200))[:, np.newaxis]
    members = {"a": Settings(inputs="x", hidden=4, lower=0, horizon=4)}
    race = Race(members, RaceSettings(naive=("persistence", "holt_winters")))
    assert race.process("s", x).min() >= 0
    assert race.predict("s", [-5.0]).min() >= 0


def test_members_of_a_race_agree_in_their_bounds() -> None:
    with pytest.raises(SettingError, match=r"member 'b': lower must be 0\.0, as of member 'a', got None"):
        Race({"a": Settings(inputs="x", lower=0), "b": Settings(inputs="x")})
    assert Race.preset("auto", inputs="x", lower=0).settings.lower == 0


def test_bounds_may_change_while_an_engine_learns() -> None:
    engine = engine_of(**COUNTED)
    engine.process("s", COUNTS)
    grown = engine.with_settings(engine_of(**COUNTED, lower=0).settings)
    assert grown.process("s", COUNTS).min() >= 0


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"lower": {"z": 0}}, r"lower must name targets \(a, \*\), got 'z'"),
        ({"upper": {"a": np.inf}}, "upper must be a finite number, got inf for 'a'"),
        ({"lower": np.nan}, "lower must be a finite number, got nan"),
        ({"lower": 1, "upper": {"a": 1}}, r"lower must be below upper \(1.0\), got 1.0 for 'a'"),
        ({"lower": 0, "loss": "softmax", "classes": 3}, "lower is for numbers, got 0.0 for softmax"),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings(inputs="a", **bounds)
