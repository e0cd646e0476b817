"""Prequential scores against a plain Python computation over complete sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stream_rnn.evaluation.prequential import DEFAULT_SEASON, FORECASTERS, METRICS, SUMS, Scores, Sum, detect_season
from stream_rnn.settings.engine import Settings

STREAMS, EVENTS, TARGETS = 3, 120, 2


def plain_errors(
    slots: Any, begins: Any, y: Any, forecasts: Any, *, horizon: int, season: int, labels: bool
) -> dict[str, list[float]]:
    """Return each forecaster's errors: for each target value, look up the forecasts that were forecasts of it."""
    errors: dict[str, list[float]] = {name: [] for name in FORECASTERS}
    histories: dict[int, list[int]] = {}
    for i, slot in enumerate(slots):
        if begins[i]:
            histories[slot] = []
        histories[slot].append(i)
        for d in np.flatnonzero(~np.isnan(y[i])):
            past = y[histories[slot], d]  # up to this value
            now = len(past) - 1
            for ahead in [0] if labels else range(1, min(horizon, now) + 1):
                known = [value for value in past[: now if labels else now - ahead + 1] if not math.isnan(value)]
                if known:
                    errors["persistence"].append(known[-1] - past[now])
                if known or labels:
                    forecast = forecasts[histories[slot][now - ahead], max(ahead, 1) - 1, d]
                    errors["model"].append(forecast - past[now])
                season_before = now - season * max(math.ceil(ahead / season), 1) if season else -1
                if season_before >= 0 and not math.isnan(past[season_before]):
                    errors["seasonal_naive"].append(past[season_before] - past[now])
    return errors


def recording(
    horizon: int, *, missing: float = 0.2, resets: float = 0.05, seed: int = 0, integers: bool = False
) -> Any:
    """Return slots, begins, y and forecasts of random events; integers are classes."""
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, STREAMS, EVENTS)
    begins = rng.random(EVENTS) < resets
    for slot in range(STREAMS):
        begins[np.flatnonzero(slots == slot)[0]] = True
    y = rng.integers(0, 3, (EVENTS, TARGETS)).astype(float) if integers else rng.normal(size=(EVENTS, TARGETS))
    y[rng.random(y.shape) < missing] = math.nan
    forecasts = (
        rng.integers(0, 3, (EVENTS, horizon, TARGETS)).astype(float)
        if integers
        else rng.normal(size=(EVENTS, horizon, TARGETS))
    )
    return slots, begins, y, forecasts


def settings(**changes: Any) -> Settings:
    return Settings(inputs=("a", "b"), targets=("a", "b"), **changes)


def assert_same(scores: Any, errors: dict[str, list[float]]) -> None:
    for name in FORECASTERS:
        if not errors[name]:
            assert scores[name] is None
            continue
        assert scores[name].keys() == {"count", "mae", "mse", "rmse"}
        assert scores[name]["count"] == len(errors[name])
        assert scores[name]["mae"] == pytest.approx(np.mean(np.abs(errors[name])))
        assert scores[name]["mse"] == pytest.approx(np.mean(np.square(errors[name])))
        assert scores[name]["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(errors[name]))))


@pytest.mark.parametrize(("horizon", "season"), [(1, 0), (1, 1), (1, 5), (3, 0), (3, 2), (4, 4), (7, 3), (2, 1000)])
def test_forecasts_of_every_horizon_and_season_are_scored(horizon: int, season: int) -> None:
    slots, begins, y, forecasts = recording(horizon)
    scores = Scores(settings(horizon=horizon), season)
    scores.add(slots, begins, y, forecasts)
    assert_same(
        scores.overall(), plain_errors(slots, begins, y, forecasts, horizon=horizon, season=season, labels=False)
    )


@pytest.mark.parametrize("season", [0, 4])
def test_labels_are_scored_by_their_own_event(season: int) -> None:
    slots, begins, y, forecasts = recording(1)
    scores = Scores(settings(task="regression"), season)
    scores.add(slots, begins, y, forecasts[:, 0])
    assert_same(scores.overall(), plain_errors(slots, begins, y, forecasts, horizon=1, season=season, labels=True))


@pytest.mark.parametrize("cut", [1, 7, 50])
def test_scores_do_not_depend_on_batches(cut: int) -> None:
    slots, begins, y, forecasts = recording(3)
    whole, parts = Scores(settings(horizon=3), 5), Scores(settings(horizon=3), 5)
    expected = whole.add(slots, begins, y, forecasts)
    scored = []
    for start in range(0, EVENTS, cut):
        part = slice(start, start + cut)
        scored.append(parts.add(slots[part], begins[part], y[part], forecasts[part]))
    assert parts.overall() == whole.overall()
    assert parts.per_horizon() == whole.per_horizon()
    np.testing.assert_array_equal(np.concatenate(scored), expected)


def test_every_sum_has_an_addend_and_every_metric_is_tested_here() -> None:
    assert list(SUMS) == list(Sum)
    assert METRICS.keys() == {"mae", "mse", "rmse", "accuracy"}


def test_each_target_and_horizon_has_its_own_scores() -> None:
    slots, begins, y, forecasts = recording(3)
    scores = Scores(settings(horizon=3), 5)
    scores.add(slots, begins, y, forecasts)
    alone = Scores(Settings(inputs=("b",), horizon=3), 5)
    alone.add(slots, begins, y[:, 1:], forecasts[:, :, 1:])
    assert scores.per_target()["b"] == alone.overall()
    nearest = Scores(settings(), 5)
    nearest.add(slots, begins, y, forecasts[:, :1])
    assert scores.per_horizon()[0] == nearest.overall()


def test_the_sums_of_each_event_add_up_to_the_scores() -> None:
    slots, begins, y, forecasts = recording(3)
    scores = Scores(settings(horizon=3), 5)
    count, absolute, _, _ = scores.add(slots, begins, y, forecasts).sum(axis=0).T
    for place, name in enumerate(("model", "persistence")):
        assert count[place] == scores.overall()[name]["count"]
        assert absolute[place] / count[place] == pytest.approx(scores.overall()[name]["mae"])


def test_classes_are_scored_by_accuracy() -> None:
    slots, begins, y, forecasts = recording(1, integers=True)
    probabilities = np.eye(3)[forecasts[:, 0, 0].astype(int)] * 0.5 + 0.1
    scores = Scores(Settings(inputs=("a",), targets=("b",), task="classification", classes=3), 0)
    scores.add(slots, begins, y[:, :1], probabilities)
    errors = plain_errors(slots, begins, y[:, :1], forecasts[:, :, :1], horizon=1, season=0, labels=True)
    for name in ("model", "persistence"):
        assert scores.overall()[name] == {
            "accuracy": pytest.approx(np.mean(np.equal(errors[name], 0))),
            "count": len(errors[name]),
        }


def test_forecasts_of_classes_are_scored_at_every_horizon() -> None:
    slots, begins, y, forecasts = recording(2, integers=True)
    probabilities = np.eye(3)[forecasts[:, :, 0].astype(int)] * 0.5 + 0.1  # (N, 2, 3)
    scores = Scores(Settings(inputs=("a",), targets=("b",), loss="softmax", classes=3, horizon=2), 5)
    scores.add(slots, begins, y[:, :1], probabilities)
    errors = plain_errors(slots, begins, y[:, :1], forecasts[:, :, :1], horizon=2, season=5, labels=False)
    for name in FORECASTERS:
        assert scores.overall()[name] == {
            "accuracy": pytest.approx(np.mean(np.equal(errors[name], 0))),
            "count": len(errors[name]),
        }


def test_the_more_likely_of_two_classes_is_the_forecast() -> None:
    scores = Scores(Settings(inputs=("a",), targets=("b",), task="classification"), 0)
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.9], [0.6], [0.2]])
    scores.add(np.zeros(3, np.int64), np.array([True, False, False]), y, p)
    assert scores.overall()["model"] == {"accuracy": pytest.approx(1 / 3), "count": 3}


def test_quantiles_are_scored_by_the_level_nearest_to_the_median() -> None:
    slots, begins, y, forecasts = recording(2)
    quantiles = np.stack([forecasts - 9, forecasts, forecasts + 9], axis=-1)
    scores = Scores(settings(horizon=2, loss="quantile", quantiles=(0.1, 0.45, 0.9)), 3)
    scores.add(slots, begins, y, quantiles)
    assert_same(scores.overall(), plain_errors(slots, begins, y, forecasts, horizon=2, season=3, labels=False))


def test_a_gaussian_is_scored_by_its_mean() -> None:
    slots, begins, y, forecasts = recording(1)
    scores = Scores(settings(loss="gaussian_nll"), 3)
    scores.add(slots, begins, y, np.stack([forecasts, np.full_like(forecasts, 7)], axis=-1))
    assert_same(scores.overall(), plain_errors(slots, begins, y, forecasts, horizon=1, season=3, labels=False))


def test_without_events_there_are_no_scores() -> None:
    scores = Scores(settings(), 3)
    scores.add(np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, 2)), np.zeros((0, 1, 2)))
    assert scores.overall() == dict.fromkeys(FORECASTERS)


@pytest.mark.parametrize(
    ("gap", "season"),
    [
        (3600, 24),
        (900, 96),
        (60, 1440),
        (1, 3600),
        (0.01, 24),
        (43_200, 2),
        (86_400, 7),
        (7 * 86_400, 52),
        (31 * 86_400, 12),
    ],
)
def test_the_season_is_a_day_an_hour_a_week_or_a_year_of_events(gap: float, season: int) -> None:
    times = np.repeat(np.arange(50) * gap, 2)
    keys = np.array(["a", "b"] * 50, object)
    assert detect_season(keys, times.astype(float)) == season


def test_without_times_the_season_is_the_default() -> None:
    assert detect_season(np.array(["a"] * 3, object), np.full(3, math.nan)) == DEFAULT_SEASON
    assert detect_season(np.zeros(0, object), np.zeros(0)) == DEFAULT_SEASON
