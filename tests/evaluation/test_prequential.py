"""Scores, against the same worked out in plain Python from whole sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stream_rnn.evaluation.prequential import DEFAULT_SEASON, FORECASTERS, Scores, detect_season
from stream_rnn.settings.engine import Settings

STREAMS, EVENTS, TARGETS = 3, 120, 2


def plain_errors(
    slots: Any, begins: Any, y: Any, made: Any, *, horizon: int, season: int, labels: bool
) -> dict[str, list[float]]:
    """Give each forecaster's errors: every forecast is looked up from its target's side."""
    errors: dict[str, list[float]] = {name: [] for name in FORECASTERS}
    histories: dict[int, list[int]] = {}
    for i, slot in enumerate(slots):
        if begins[i]:
            histories[slot] = []
        histories[slot].append(i)
        for d in np.flatnonzero(~np.isnan(y[i])):
            past = y[histories[slot], d]  # this value is the last of it
            here = len(past) - 1
            for ahead in [0] if labels else range(1, min(horizon, here) + 1):
                known = [value for value in past[: here if labels else here - ahead + 1] if not math.isnan(value)]
                if known:
                    errors["persistence"].append(known[-1] - past[here])
                if known or labels:
                    forecast = made[histories[slot][here - ahead], max(ahead, 1) - 1, d]
                    errors["model"].append(forecast - past[here])
                before = here - season * max(math.ceil(ahead / season), 1) if season else -1
                if before >= 0 and not math.isnan(past[before]):
                    errors["seasonal_naive"].append(past[before] - past[here])
    return errors


def recording(horizon: int, *, missing: float = 0.2, resets: float = 0.05, seed: int = 0, whole: bool = False) -> Any:
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, STREAMS, EVENTS)
    begins = rng.random(EVENTS) < resets
    for slot in range(STREAMS):
        begins[np.flatnonzero(slots == slot)[0]] = True
    y = rng.integers(0, 3, (EVENTS, TARGETS)).astype(float) if whole else rng.normal(size=(EVENTS, TARGETS))
    y[rng.random(y.shape) < missing] = math.nan
    made = (
        rng.integers(0, 3, (EVENTS, horizon, TARGETS)).astype(float)
        if whole
        else rng.normal(size=(EVENTS, horizon, TARGETS))
    )
    return slots, begins, y, made


def settings(**more: Any) -> Settings:
    return Settings(inputs=("a", "b"), targets=("a", "b"), **more)


def assert_same(found: Any, errors: dict[str, list[float]]) -> None:
    for name in FORECASTERS:
        if not errors[name]:
            assert found[name] is None
            continue
        assert found[name]["count"] == len(errors[name])
        assert found[name]["mae"] == pytest.approx(np.mean(np.abs(errors[name])))
        assert found[name]["mse"] == pytest.approx(np.mean(np.square(errors[name])))
        assert found[name]["rmse"] == pytest.approx(math.sqrt(np.mean(np.square(errors[name]))))


@pytest.mark.parametrize(("horizon", "season"), [(1, 0), (1, 1), (1, 5), (3, 0), (3, 2), (4, 4), (7, 3), (2, 1000)])
def test_forecasts_are_scored_as_by_hand(horizon: int, season: int) -> None:
    slots, begins, y, made = recording(horizon)
    scores = Scores(settings(horizon=horizon), season)
    scores.add(slots, begins, y, made)
    assert_same(scores.overall(), plain_errors(slots, begins, y, made, horizon=horizon, season=season, labels=False))


@pytest.mark.parametrize("season", [0, 4])
def test_labels_are_scored_at_their_own_event(season: int) -> None:
    slots, begins, y, made = recording(1)
    scores = Scores(settings(task="regression"), season)
    scores.add(slots, begins, y, made[:, 0])
    assert_same(scores.overall(), plain_errors(slots, begins, y, made, horizon=1, season=season, labels=True))


@pytest.mark.parametrize("cut", [1, 7, 50])
def test_scores_do_not_depend_on_how_events_are_cut(cut: int) -> None:
    slots, begins, y, made = recording(3)
    whole, parts = Scores(settings(horizon=3), 5), Scores(settings(horizon=3), 5)
    judged = whole.add(slots, begins, y, made)
    pieces = []
    for start in range(0, EVENTS, cut):
        part = slice(start, start + cut)
        pieces.append(parts.add(slots[part], begins[part], y[part], made[part]))
    assert parts.overall() == whole.overall()
    assert parts.per_horizon() == whole.per_horizon()
    np.testing.assert_array_equal(np.concatenate(pieces), judged)


def test_targets_and_horizons_are_told_apart() -> None:
    slots, begins, y, made = recording(3)
    scores = Scores(settings(horizon=3), 5)
    scores.add(slots, begins, y, made)
    alone = Scores(Settings(inputs=("b",), horizon=3), 5)
    alone.add(slots, begins, y[:, 1:], made[:, :, 1:])
    assert scores.per_target()["b"] == alone.overall()
    nearest = Scores(settings(), 5)
    nearest.add(slots, begins, y, made[:, :1])
    assert scores.per_horizon()[0] == nearest.overall()


def test_what_each_event_judged_adds_up_to_the_scores() -> None:
    slots, begins, y, made = recording(3)
    scores = Scores(settings(horizon=3), 5)
    count, absolute, _, _ = scores.add(slots, begins, y, made).sum(axis=0).T
    for place, name in enumerate(("model", "persistence")):
        assert count[place] == scores.overall()[name]["count"]
        assert absolute[place] / count[place] == pytest.approx(scores.overall()[name]["mae"])


def test_classes_are_scored_by_how_many_are_right() -> None:
    slots, begins, y, made = recording(1, whole=True)
    probabilities = np.eye(3)[made[:, 0, 0].astype(int)] * 0.5 + 0.1
    scores = Scores(Settings(inputs=("a",), targets=("b",), task="classification", classes=3), 0)
    scores.add(slots, begins, y[:, :1], probabilities)
    errors = plain_errors(slots, begins, y[:, :1], made[:, :, :1], horizon=1, season=0, labels=True)
    for name in ("model", "persistence"):
        assert scores.overall()[name] == {
            "accuracy": pytest.approx(np.mean(np.equal(errors[name], 0))),
            "count": len(errors[name]),
        }


def test_forecasts_of_classes_are_scored_at_every_horizon() -> None:
    slots, begins, y, made = recording(2, whole=True)
    probabilities = np.eye(3)[made[:, :, 0].astype(int)] * 0.5 + 0.1  # (N, 2, 3)
    scores = Scores(Settings(inputs=("a",), targets=("b",), loss="softmax", classes=3, horizon=2), 5)
    scores.add(slots, begins, y[:, :1], probabilities)
    errors = plain_errors(slots, begins, y[:, :1], made[:, :, :1], horizon=2, season=5, labels=False)
    for name in FORECASTERS:
        assert scores.overall()[name] == {
            "accuracy": pytest.approx(np.mean(np.equal(errors[name], 0))),
            "count": len(errors[name]),
        }


def test_the_likelier_of_two_classes_is_the_forecast() -> None:
    scores = Scores(Settings(inputs=("a",), targets=("b",), task="classification"), 0)
    y, p = np.array([[1.0], [0.0], [1.0]]), np.array([[0.9], [0.6], [0.2]])
    scores.add(np.zeros(3, np.int64), np.array([True, False, False]), y, p)
    assert scores.overall()["model"] == {"accuracy": pytest.approx(1 / 3), "count": 3}


def test_the_level_nearest_to_the_median_stands_for_quantiles() -> None:
    slots, begins, y, made = recording(2)
    quantiles = np.stack([made - 9, made, made + 9], axis=-1)
    scores = Scores(settings(horizon=2, loss="quantile", quantiles=(0.1, 0.45, 0.9)), 3)
    scores.add(slots, begins, y, quantiles)
    assert_same(scores.overall(), plain_errors(slots, begins, y, made, horizon=2, season=3, labels=False))


def test_the_mean_stands_for_a_gaussian() -> None:
    slots, begins, y, made = recording(1)
    scores = Scores(settings(loss="gaussian_nll"), 3)
    scores.add(slots, begins, y, np.stack([made, np.full_like(made, 7)], axis=-1))
    assert_same(scores.overall(), plain_errors(slots, begins, y, made, horizon=1, season=3, labels=False))


def test_without_events_nobody_has_a_score() -> None:
    scores = Scores(settings(), 3)
    scores.add(np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, 2)), np.zeros((0, 1, 2)))
    assert scores.overall() == dict.fromkeys(FORECASTERS)


@pytest.mark.parametrize(
    ("gap", "season"), [(3600, 24), (900, 96), (60, 1440), (1, 3600), (0.01, 24), (86_400, 24), (43_200, 2)]
)
def test_a_season_is_a_day_or_an_hour_by_the_times(gap: float, season: int) -> None:
    times = np.repeat(np.arange(50) * gap, 2)
    keys = np.array(["a", "b"] * 50, object)
    assert detect_season(keys, times.astype(float)) == season


def test_without_times_the_season_is_the_default() -> None:
    assert detect_season(np.array(["a"] * 3, object), np.full(3, math.nan)) == DEFAULT_SEASON
    assert detect_season(np.zeros(0, object), np.zeros(0)) == DEFAULT_SEASON
