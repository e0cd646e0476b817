"""Naive forecasts are what their equations say, of the season that the values have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_rnn.kernels.jit import entry
from stream_rnn.learning import naive
from stream_rnn.learning.naive import ADDITIVE, MULTIPLICATIVE, PERSISTENCE, SEASON, SEASONAL, NaiveState

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SEASON = 40


@entry
def run(state: NaiveState, kind: int, y: Any, out: Any) -> None:
    """Write the forecasts (N, H, D) of each event with values y (N, D), of the stream in slot 0."""
    for t in range(y.shape[0]):
        naive.update(state, 0, y[t])
        for ahead in range(out.shape[1]):
            for d in range(out.shape[2]):
                out[t, ahead, d] = naive.forecast(state, 0, kind, ahead + 1, d)


def state_of(targets: int = 1, max_season: int = MAX_SEASON) -> NaiveState:
    return NaiveState(
        values=np.zeros((1, targets, 2 * max_season)),
        errors=np.zeros((1, targets, max_season + 2)),
        counts=np.zeros((1, targets, 2), np.int64),
        seasonal=np.zeros((1, targets, 2, max_season)),
        smooth=np.zeros((1, targets, 2, 2)),
        active=np.zeros((1, targets, 2), np.int64),
        bounds=np.zeros((1, targets, 2)),
    )


def forecasts(kind: int, y: NDArray[np.float64], horizon: int = 1, state: NaiveState | None = None) -> Any:
    """Return the forecasts (N, H, D) of values y (N,) or (N, D)."""
    table = np.ascontiguousarray(y.reshape(len(y), -1))
    out = np.empty((len(y), horizon, table.shape[1]))
    run(state_of(table.shape[1]) if state is None else state, kind, table, out)
    return out


def seasonal(length: int, season: int, noise: float = 0.1, seed: int = 0) -> NDArray[np.float64]:
    """Return a series with a season of random shape."""
    rng = np.random.default_rng(seed)
    shape = np.cumsum(rng.normal(size=season))
    return np.resize(shape - shape.mean(), length) + noise * rng.normal(size=length)


def test_persistence_is_the_last_known_value() -> None:
    y = np.array([math.nan, 2.0, math.nan, 3.0])
    np.testing.assert_array_equal(
        forecasts(PERSISTENCE, y, 2)[:, :, 0], [[math.nan] * 2, [2.0] * 2, [2.0] * 2, [3.0] * 2]
    )


@given(st.integers(3, MAX_SEASON), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_the_season_of_a_periodic_series_is_found_after_three_of_them(season: int, seed: int) -> None:
    state = state_of()
    y = seasonal(3 * season + 5, season, noise=0.0, seed=seed)
    found = forecasts(SEASONAL, y, season, state)[-1, :, 0]
    assert state.counts[0, 0, SEASON] == season
    np.testing.assert_array_equal(found, np.resize(y[:season], len(y) + season)[len(y) :])


@pytest.mark.parametrize("season", [7, 24])
def test_the_season_of_a_noisy_series_is_found(season: int) -> None:
    state = state_of()
    forecasts(SEASONAL, seasonal(1500, season, noise=1.0), 1, state)
    assert state.counts[0, 0, SEASON] % season == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_has_no_season(seed: int) -> None:
    """A walk may look like a season for some time; at most other times the forecast is persistence."""
    y = np.random.default_rng(seed).normal(size=4000).cumsum()
    same = forecasts(SEASONAL, y, 3) == forecasts(PERSISTENCE, y, 3)
    assert same.mean() > 0.7


@pytest.mark.parametrize("seed", range(5))
def test_few_values_that_repeat_by_chance_are_no_season(seed: int) -> None:
    state = state_of()
    forecasts(SEASONAL, np.random.default_rng(seed).normal(size=11), 1, state)
    assert state.counts[0, 0, SEASON] == 0


def test_a_season_that_changes_is_found_again() -> None:
    state = state_of()
    forecasts(SEASONAL, np.concatenate([seasonal(500, 24), seasonal(6000, 17, seed=1)]), 1, state)
    assert state.counts[0, 0, SEASON] == 17


def holt_winters(y: NDArray[np.float64], season: int, begin: int, form: int) -> float:
    """Return the forecast one event ahead of a form that began with the two seasons before `begin`."""
    alpha, beta, gamma, phi = naive.SMOOTHING[form]
    older, newest = y[begin - 2 * season : begin - season], y[begin - season : begin]
    trend = float(newest.mean() - older.mean()) / season
    line = newest.mean() + trend * (np.arange(season) - (season - 1) / 2)
    past = line - trend * season
    phases = (0.5 * (newest / line + older / past) if form else 0.5 * (newest - line + older - past)).tolist()
    level = float(line[-1])
    for t in range(begin, len(y)):
        place = (t - begin) % season
        phase, ahead = phases[place], level + phi * trend
        new = alpha * (y[t] / phase if form else y[t] - phase) + (1 - alpha) * ahead
        trend, level = beta * (new - level) + (1 - beta) * phi * trend, new
        phases[place] = gamma * (y[t] / ahead if form else y[t] - ahead) + (1 - gamma) * phase
    line_ahead, phase = level + phi * trend, phases[(len(y) - begin) % season]
    return line_ahead * phase if form else line_ahead + phase


@pytest.mark.parametrize("form", [0, 1])
def test_holt_winters_is_its_equations(form: int) -> None:
    y, state, begin = 20.0 + seasonal(200, 8) + 0.05 * np.arange(200), state_of(), 0
    for t in range(len(y)):
        out = forecasts(ADDITIVE + form, y[t : t + 1], 1, state)[0, 0, 0]
        if state.active[0, 0, form] == 8 and not begin:
            begin = t + 1
    assert 0 < begin < 100
    assert state.active[0, 0, form] == 8
    assert out == pytest.approx(holt_winters(y, 8, begin, form), rel=1e-9)


def test_holt_winters_forecasts_growing_seasons_better_than_the_seasonal_naive() -> None:
    t = np.arange(400)
    y = (10.0 + 0.1 * t) * (1.0 + 0.5 * np.sin(2 * np.pi * t / 12)) + np.random.default_rng(0).normal(0, 0.2, 400)
    errors = {
        kind: np.abs(forecasts(kind, y, 12)[200:-12, 11, 0] - y[212:]).mean()
        for kind in (SEASONAL, ADDITIVE, MULTIPLICATIVE)
    }
    assert errors[MULTIPLICATIVE] < 0.5 * errors[SEASONAL]


def test_there_is_no_multiplicative_form_of_values_that_are_not_positive() -> None:
    assert np.isnan(forecasts(MULTIPLICATIVE, seasonal(400, 12) - 50.0)).all()


def test_holt_winters_does_not_forecast_far_outside_the_values() -> None:
    y = np.concatenate([seasonal(300, 12), [1e9], seasonal(100, 12)])
    for kind in (ADDITIVE, MULTIPLICATIVE):
        found = forecasts(kind, y, 12)[:300]
        assert np.nanmax(np.abs(found), initial=0.0) < 3 * np.ptp(y[:300])


def test_targets_do_not_affect_each_other() -> None:
    y = np.stack([seasonal(300, 12), 5.0 + seasonal(300, 7, seed=1)], axis=1)
    for kind in range(len(naive.NAIVE)):
        both = forecasts(kind, y, 3)
        for d in range(2):
            np.testing.assert_array_equal(both[:, :, d], forecasts(kind, y[:, d], 3)[:, :, 0])


def test_a_stream_that_is_forgotten_begins_anew() -> None:
    state, y = state_of(), seasonal(200, 12)
    for kind in range(len(naive.NAIVE)):
        forecasts(kind, y, 1, state)
        naive.forget(state, 0)
        np.testing.assert_array_equal(forecasts(kind, y[7:], 2, state), forecasts(kind, y[7:], 2))
        naive.forget(state, 0)
