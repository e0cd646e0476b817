from __future__ import annotations

import pytest
from river import evaluate, linear_model, metrics

from benchmarks import deep_river, river_forecasts, river_scores, river_speed
from benchmarks.river_forecasters import Recorded, SeasonalNaive

pytestmark = pytest.mark.slow

RAMP: list[river_forecasts.Event] = [({}, float(t)) for t in range(30)]


def naive_after(season: int, values: list[float]) -> SeasonalNaive:
    model = SeasonalNaive(season)
    for y in values:
        model.learn_one(y)
    return model


def test_the_seasonal_forecaster_repeats_the_last_season() -> None:
    assert naive_after(3, [9, 9, 1, 2, 3]).forecast(5) == [1, 2, 3, 1, 2]
    assert naive_after(1, [9, 4]).forecast(2) == [4, 4]


def test_the_seasonal_forecaster_returns_0_before_a_full_season() -> None:
    assert naive_after(3, [1, 2]).forecast(2) == [0, 0]


def test_recorded_forecasts_depend_on_the_number_of_values() -> None:
    model = Recorded([[0, 0], [1, 2], [3, 4]])
    model.learn_one(5)
    assert model.forecast(2) == [1, 2]
    model.learn_one(5)
    assert model.forecast(1) == [3]


def test_perfect_forecasts_have_no_error_by_our_evaluator_and_are_one_step_off_by_rivers() -> None:
    future = [[float(t + ahead) for ahead in range(4)] for t in range(30)]
    assert river_forecasts.score(RAMP, 4, lambda: Recorded(future)) == (1.0, 0.0)


def test_rates_are_relative_to_the_first_model() -> None:
    models = {"first": linear_model.LinearRegression(), "second": linear_model.LinearRegression()}
    first, second = river_speed.one_by_one(models, rounds=2, events=10)
    assert first["of_first"] == 1
    assert second["of_first"] == second["events_per_second"] / first["events_per_second"]


def test_the_last_data_frame_may_be_shorter() -> None:
    rates = river_speed.frames(rows=40, rounds=1, events=100)
    assert rates["learn_many"] > 0
    assert rates["share"] == rates["learn_many"] / rates["Engine.process"]


def test_the_reason_is_given_if_deep_river_is_skipped() -> None:
    assert deep_river.run("deep_river_speed", python=None) == {"skipped": deep_river.NOT_GIVEN}
    assert "No such file" in deep_river.run("deep_river_speed", python="/nowhere/python")["skipped"]


def test_a_model_is_scored_only_on_data_with_its_features() -> None:
    models = dict.fromkeys(("naive", *river_scores.ONLY), river_scores.REGRESSORS["the last event's target"])
    data = {"ChickWeights": [({}, 1.0), ({}, 2.0), ({}, 4.0)], "other": [({}, 1.0)]}
    naive, *only = river_scores.table(models, data, metrics.MAE())
    assert {row["ChickWeights"] for row in (naive, *only)} == {(1 + 2) / 2}  # the first event has no earlier target
    assert "other" in naive
    assert all("other" not in row for row in only)


def test_the_last_target_is_that_of_the_same_stream() -> None:
    model = river_scores.LastOf("chick")
    model.learn_one({"chick": "a"}, 1.0)
    model.learn_one({"chick": "b"}, 2.0)
    assert [model.predict_one({"chick": chick}) for chick in "abc"] == [1, 2, None]


def test_a_third_of_the_variance_of_the_leaky_sum_comes_from_earlier_events() -> None:
    events = river_scores.leaky_sum(2000)
    memoryless = evaluate.progressive_val_score(events, linear_model.LinearRegression(), metrics.R2())
    assert 0.6 < memoryless.get() < 0.7
