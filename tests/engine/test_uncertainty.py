"""Prediction intervals and anomaly scores: issued before the value is known, and scored when it arrives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import NAN, bits, engine_of, series

from stream_rnn import DataError, Engine, SettingError, Settings
from stream_rnn.jobs.output_columns import output_columns, output_names

if TYPE_CHECKING:
    from pathlib import Path

BASE: dict[str, Any] = {"interval": 0.8, "anomaly": True, "horizon": 3, "inputs": ("a", "b")}
X = np.hstack([series(400), series(400, seed=1)])


def engine_with_both(**changes: Any) -> Engine:
    return engine_of(**(BASE | changes))


def test_each_forecast_is_within_its_interval() -> None:
    result = engine_with_both().process_detailed("s", X)
    assert result.intervals is not None
    assert result.intervals.shape == (400, 3, 2, 2)
    low, high = np.moveaxis(result.intervals[50:], -1, 0)
    assert (low < result.forecasts[50:]).all()
    assert (result.forecasts[50:] < high).all()


def test_there_is_no_interval_before_an_error_is_known() -> None:
    result = engine_with_both().process_detailed("s", X[:6])
    assert result.intervals is not None
    for ahead in range(3):
        known = np.isfinite(result.intervals[:, ahead, 0]).all(axis=1)
        assert known.tolist() == [place > ahead for place in range(6)]


def test_values_within_the_issued_intervals_are_counted_as_covered() -> None:
    engine = engine_with_both()
    intervals = engine.process_detailed("s", X).intervals
    assert intervals is not None
    count = covered = 0
    for ahead in (1, 2, 3):
        low, high = np.moveaxis(intervals[:-ahead, ahead - 1], -1, 0)
        known, value = np.isfinite(low), X[ahead:]
        count += known.sum()
        covered += (known & (low <= value) & (value <= high)).sum()
    assert (engine.counts.judged, engine.counts.covered) == (count, covered)
    assert abs(covered / count - 0.8) < 0.08


def test_an_interval_does_not_cross_a_reset() -> None:
    engine = engine_with_both()
    engine.process("s", X[:50])
    engine.reset("s")
    before = engine.counts.judged
    engine.step("s", X[50])
    assert engine.counts.judged == before
    engine.step("s", X[51])
    assert engine.counts.judged == before + 2


def test_intervals_are_wider_at_hours_that_are_harder_to_forecast_and_cover_about_as_much() -> None:
    hour = np.arange(24 * 150) % 24
    noise = np.random.default_rng(0).normal(size=(len(hour), 2)) * np.where(hour < 8, 4.0, 1.0)[:, np.newaxis]
    engine = engine_with_both(residual=False, horizon=1)
    intervals = engine.process_detailed("s", noise, times=3600.0 * np.arange(len(hour))).intervals
    assert intervals is not None
    low, high = np.moveaxis(intervals[:-1, 0], -1, 0)
    late, night = np.arange(1, len(hour)) > 1200, hour[1:] < 8
    width, inside = high - low, (low <= noise[1:]) & (noise[1:] <= high)
    assert width[late & night].mean() > 3 * width[late & ~night].mean()
    for part in (night, ~night):
        assert abs(inside[late & part].mean() - 0.8) < 0.1


def test_a_missing_value_is_not_scored() -> None:
    engine = engine_with_both()
    engine.process("s", X[:50])
    before = engine.counts.judged
    engine.step("s", [NAN, X[50, 1]])
    assert engine.counts.judged == before + 3


@pytest.mark.parametrize("residual", [True, False])
def test_a_forecast_made_before_any_known_value_is_not_scored(residual: bool) -> None:
    late = 1000 + X[:30].copy()
    late[:10] = NAN
    engine = engine_with_both(residual=residual, horizon=1)
    result = engine.process_detailed("s", late)
    assert result.intervals is not None
    assert result.anomalies is not None
    assert np.isnan(result.intervals[:11]).all()
    assert np.isnan(result.anomalies[:11]).all()
    low, high = np.moveaxis(result.intervals[12:], -1, 0)
    assert ((high - low) < 100).all()


def test_an_event_without_values_has_no_anomaly_score() -> None:
    engine = engine_with_both()
    engine.process("s", X[:50])
    engine.step("s", [NAN, NAN])
    assert math.isnan(engine.anomaly("s"))


def test_a_label_is_scored_by_its_own_event() -> None:
    engine = engine_with_both(task="regression", targets=("y",), horizon=1)
    result = engine.process_detailed("s", X, X[:, :1])
    assert result.intervals is not None
    assert result.intervals.shape == (400, 1, 2)
    low, high = result.intervals[:, 0].T
    assert engine.counts.judged == np.isfinite(low).sum() == 398
    assert engine.counts.covered == ((low <= X[:, 0]) & (X[:, 0] <= high)).sum()


def test_anomaly_scores_are_between_0_and_1_for_events_with_a_forecast() -> None:
    anomalies = engine_with_both().process_detailed("s", X).anomalies
    assert anomalies is not None
    assert math.isnan(anomalies[0])
    assert ((anomalies[1:] >= 0) & (anomalies[1:] <= 1)).all()


def test_a_surprising_value_has_a_high_anomaly_score() -> None:
    with_outlier = X.copy()
    with_outlier[390] += 30.0
    anomalies = engine_with_both().process_detailed("s", with_outlier).anomalies
    assert anomalies is not None
    assert anomalies[390] > max(0.8, np.nanquantile(anomalies, 0.95))


def test_steps_give_the_intervals_and_scores_of_a_batch() -> None:
    one, many = engine_with_both(), engine_with_both()
    result = many.process_detailed("s", X[:60])
    assert result.intervals is not None
    assert result.anomalies is not None
    for place, x in enumerate(X[:60]):
        one.step("s", x)
        np.testing.assert_array_equal(one.interval("s"), result.intervals[place])
        np.testing.assert_array_equal(one.anomaly("s"), result.anomalies[place])
        assert result.states is not None
        assert list(one.states("s").values()) == result.states[place].tolist()
    assert bits(one) == bits(many)


def test_intervals_and_scores_do_not_depend_on_later_events() -> None:
    scrambled = X.copy()
    scrambled[200:] = np.random.default_rng(3).permutation(X[200:])
    one, other = engine_with_both().process_detailed("s", X), engine_with_both().process_detailed("s", scrambled)
    for whole, changed in ((one.intervals, other.intervals), (one.anomalies, other.anomalies)):
        assert whole is not None
        assert changed is not None
        np.testing.assert_array_equal(whole[:200], changed[:200])


def test_intervals_and_scores_do_not_change_forecasts() -> None:
    plain = engine_of(**(BASE | {"interval": None, "anomaly": False}))
    np.testing.assert_array_equal(engine_with_both().process("s", X), plain.process("s", X))


def test_a_loaded_engine_continues_its_intervals_and_scores(tmp_path: Path) -> None:
    engine = engine_with_both()
    engine.process("s", X[:100])
    engine.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine")
    for column, expected in zip(
        loaded.process_detailed("s", X[100:]), engine.process_detailed("s", X[100:]), strict=True
    ):
        np.testing.assert_array_equal(column, expected)


def test_output_columns_are_named_by_target_horizon_and_end() -> None:
    engine = engine_with_both(inputs=("a",), horizon=2)
    assert output_names(engine.settings) == [
        *("a", "a+1", "a+2", "a+1.low", "a+1.high", "a+2.low", "a+2.high"),
        *("anomaly", "anomaly.alarm", "anomaly.state", "a.state"),
    ]
    result = engine.process_detailed("s", X[:20, :1])
    columns = output_columns(engine.settings, X[:20, :1], result, {})
    assert result.intervals is not None
    np.testing.assert_array_equal(columns["a+2.high"], result.intervals[:, 1, 0, 1])
    np.testing.assert_array_equal(columns["anomaly"], result.anomalies)
    np.testing.assert_array_equal(columns["anomaly.alarm"], result.anomaly_alarms)
    np.testing.assert_array_equal(columns["anomaly.state"], result.stream_states)


def test_a_missing_value_and_a_shift_show_in_states_alarms_and_counts() -> None:
    x = X.copy()
    x[300:340, 0] += 30
    x[320:330, 1] = NAN
    engine = engine_with_both()
    result = engine.process_detailed("s", x)
    assert result.states is not None
    assert result.anomaly_alarms is not None
    assert result.stream_states is not None
    assert result.anomaly_alarms[300]
    assert result.states[[299, 310, 325]].tolist() == [
        ["normal", "normal"],
        ["abnormal", "normal"],
        ["abnormal", "missing"],
    ]
    assert result.stream_states[[299, 310, 325]].tolist() == ["normal", "abnormal", "missing"]
    counted = (engine.counts.abnormal, engine.counts.stuck, engine.counts.missing)
    assert counted == tuple((result.stream_states == state).sum() for state in ("abnormal", "stuck", "missing"))
    assert engine.counts.anomaly_alarms == result.anomaly_alarms.sum()
    assert engine.states("s") == dict(zip("ab", result.states[-1], strict=True))


def test_a_gap_in_time_is_missing_also_where_it_ends_a_sequence() -> None:
    times = 60.0 * np.arange(400)
    times[200:] += 3600
    states = engine_with_both(reset_after=600).process_detailed("s", X, times=times).states
    assert states is not None
    assert np.flatnonzero((states == "missing").all(axis=1)).tolist() == [200]


def test_without_anomaly_scores_there_are_no_alarms_and_states() -> None:
    engine = engine_of()
    result = engine.process_detailed("s", [[1.0]])
    assert (result.anomaly_alarms, result.states, result.stream_states) == (None, None, None)
    assert engine.stream_bytes["watched"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Engine.interval, "intervals need the setting interval, such as interval=0.9"),
        (Engine.anomaly, "anomaly scores and states need the setting anomaly=True"),
        (Engine.states, "anomaly scores and states need the setting anomaly=True"),
    ],
)
def test_intervals_and_scores_need_their_setting_and_a_known_stream(call: Any, message: str) -> None:
    without = engine_of()
    without.step("s", [1.0])
    with pytest.raises(DataError, match=message):
        call(without, "s")
    with pytest.raises(DataError, match="unknown stream 's': it has had no event, or was evicted"):
        call(engine_with_both(), "s")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interval": 1.0}, "interval must be above 0 and below 1, got 1.0"),
        ({"interval": 0.9, "loss": "quantile"}, "interval is not for quantile, which has its own, got 0.9"),
        (
            {"interval": 0.9, "task": "classification", "targets": "y"},
            "interval is for numbers, got 0.9 for logistic",
        ),
        ({"anomaly": True, "task": "classification", "targets": "y"}, "anomaly is for numbers, got true for logistic"),
        ({"anomaly": True, "inputs": ("anomaly",)}, "targets must not be named 'anomaly'"),
        (
            {"anomaly": True, "layer": "bigru", "lookahead": 1, "task": "regression", "targets": "y"},
            "anomaly is not for bidirectional layers, got true",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings(**({"inputs": ("x",)} | changes))
