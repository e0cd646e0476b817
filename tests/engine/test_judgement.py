"""Intervals and anomaly scores as the engine hands them out: of what was forecast, before it was known."""

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

JUDGED: dict[str, Any] = {"interval": 0.8, "anomaly": True, "horizon": 3, "inputs": ("a", "b")}
X = np.hstack([series(400), series(400, seed=1)])


def judged(**changes: Any) -> Engine:
    return engine_of(**(JUDGED | changes))


def test_each_number_has_an_interval_around_it() -> None:
    taken = judged().take("s", X)
    assert taken.intervals is not None
    assert taken.intervals.shape == (400, 3, 2, 2)
    low, high = np.moveaxis(taken.intervals[50:], -1, 0)
    assert (low < taken.forecasts[50:]).all()
    assert (taken.forecasts[50:] < high).all()


def test_nothing_is_promised_before_a_residual_is_known() -> None:
    taken = judged().take("s", X[:6])
    assert taken.intervals is not None
    for ahead in range(3):
        known = np.isfinite(taken.intervals[:, ahead, 0]).all(axis=1)
        assert known.tolist() == [place > ahead for place in range(6)]


def test_covered_are_the_values_inside_the_intervals_as_they_were_given() -> None:
    engine = judged()
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
    engine = judged()
    engine.process("s", X[:50])
    engine.reset("s")
    before = engine.counts.judged
    engine.step("s", X[50])
    assert engine.counts.judged == before
    engine.step("s", X[51])
    assert engine.counts.judged == before + 2


def test_a_missing_value_judges_nothing() -> None:
    engine = judged()
    engine.process("s", X[:50])
    before = engine.counts.judged
    engine.step("s", [NAN, X[50, 1]])
    assert engine.counts.judged == before + 3


@pytest.mark.parametrize("residual", [True, False])
def test_a_forecast_that_rests_on_no_value_is_not_judged(residual: bool) -> None:
    late = 1000 + X[:30].copy()
    late[:10] = NAN
    engine = judged(residual=residual, horizon=1)
    taken = engine.process_detailed("s", late)
    assert taken.intervals is not None
    assert taken.anomalies is not None
    assert np.isnan(taken.intervals[:11]).all()
    assert np.isnan(taken.anomalies[:11]).all()
    low, high = np.moveaxis(taken.intervals[12:], -1, 0)
    assert ((high - low) < 100).all()


def test_an_event_without_values_has_no_score() -> None:
    engine = judged()
    engine.process("s", X[:50])
    engine.step("s", [NAN, NAN])
    assert math.isnan(engine.anomaly("s"))


def test_a_label_is_judged_by_its_own_event() -> None:
    engine = judged(task="regression", targets=("y",), horizon=1)
    taken = engine.process_detailed("s", X, X[:, :1])
    assert taken.intervals is not None
    assert taken.intervals.shape == (400, 1, 2)
    low, high = taken.intervals[:, 0].T
    assert engine.counts.judged == np.isfinite(low).sum() == 398
    assert engine.counts.covered == ((low <= X[:, 0]) & (X[:, 0] <= high)).sum()


def test_scores_are_between_0_and_1_where_a_forecast_spoke_of_the_event() -> None:
    anomalies = judged().take("s", X).anomalies
    assert anomalies is not None
    assert math.isnan(anomalies[0])
    assert ((anomalies[1:] >= 0) & (anomalies[1:] <= 1)).all()


def test_what_surprises_has_a_high_score() -> None:
    spoilt = X.copy()
    spoilt[390] += 30.0
    anomalies = judged().take("s", spoilt).anomalies
    assert anomalies is not None
    assert anomalies[390] > max(0.8, np.nanquantile(anomalies, 0.95))


def test_a_step_tells_the_same_as_a_batch() -> None:
    one, many = judged(), judged()
    taken = many.take("s", X[:60])
    assert taken.intervals is not None
    assert taken.anomalies is not None
    for place, x in enumerate(X[:60]):
        one.step("s", x)
        np.testing.assert_array_equal(one.interval("s"), taken.intervals[place])
        np.testing.assert_array_equal(one.anomaly("s"), taken.anomalies[place])
    assert bits(one) == bits(many)


def test_the_future_changes_no_interval_and_no_score() -> None:
    scrambled = X.copy()
    scrambled[200:] = np.random.default_rng(3).permutation(X[200:])
    one, other = judged().take("s", X), judged().take("s", scrambled)
    for whole, changed in ((one.intervals, other.intervals), (one.anomalies, other.anomalies)):
        assert whole is not None
        assert changed is not None
        np.testing.assert_array_equal(whole[:200], changed[:200])


def test_judgement_changes_no_forecast() -> None:
    plain = engine_of(**(JUDGED | {"interval": None, "anomaly": False}))
    np.testing.assert_array_equal(judged().process("s", X), plain.process("s", X))


def test_a_saved_engine_goes_on_judging(tmp_path: Path) -> None:
    engine = judged()
    engine.process("s", X[:100])
    engine.save(tmp_path / "engine")
    again = Engine.load(tmp_path / "engine")
    for whole, loaded in zip(engine.process_detailed("s", X[100:]), again.process_detailed("s", X[100:]), strict=True):
        np.testing.assert_array_equal(whole, loaded)


def test_columns_of_output_are_named_by_what_they_tell() -> None:
    engine = judged(inputs=("a",), horizon=2)
    assert output_names(engine.settings) == [
        *("a", "a+1", "a+2", "a+1.low", "a+1.high", "a+2.low", "a+2.high", "anomaly")
    ]
    taken = engine.process_detailed("s", X[:20, :1])
    columns = output_columns(engine.settings, X[:20, :1], taken)
    assert taken.intervals is not None
    np.testing.assert_array_equal(columns["a+2.high"], taken.intervals[:, 1, 0, 1])
    np.testing.assert_array_equal(columns["anomaly"], taken.anomalies)


@pytest.mark.parametrize("ask", [lambda engine: engine.interval("s"), lambda engine: engine.anomaly("s")])
def test_what_was_not_asked_for_is_not_told(ask: Any) -> None:
    plain = engine_of()
    plain.step("s", [1.0])
    with pytest.raises(DataError, match=r"interval must be set|anomaly must be true"):
        ask(plain)
    with pytest.raises(DataError, match="stream 's' is not known"):
        ask(judged())


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
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings(**({"inputs": ("x",)} | changes))
