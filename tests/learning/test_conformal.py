"""Prediction intervals: their coverage, their width, and their robustness."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from compiled_kernels import predict_interval, update_calibration
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_rnn.learning.conformal import COUNT, HIGH, LOW, MAX_FACTOR, MIN_FACTOR, STATE_SIZE, conformal_constants

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONSTANTS = conformal_constants(0.9)
MARGIN = 0.02
"""Tolerance of coverage over a few thousand arrivals."""


def intervals(
    residuals: NDArray[np.float64], horizon: int = 1, coverage: float = 0.9, column: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the ends (T, 2) minus the forecast, as issued `horizon` events earlier; row t belongs to residual t."""
    constants, column = conformal_constants(coverage), np.zeros(STATE_SIZE) if column is None else column
    ends = np.full((len(residuals) + horizon, 2), np.nan)
    for t, residual in enumerate(residuals):
        update_calibration(constants, column, residual, *ends[t])
        predict_interval(constants, column, 1.0, 0.0, ends[t + horizon])
    return ends[: len(residuals)]


def covered(residuals: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (residuals >= ends[:, 0]) & (residuals <= ends[:, 1])


def noise(length: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=length)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_intervals_reach_their_coverage(coverage: float) -> None:
    residuals = noise(4000)
    share = covered(residuals, intervals(residuals, coverage=coverage))[100:].mean()
    assert share == pytest.approx(coverage, abs=MARGIN)


def test_intervals_of_normal_noise_have_the_width_of_its_quantiles() -> None:
    width = np.diff(intervals(noise(4000)))[1000:].mean()
    assert width == pytest.approx(2 * 1.645, rel=0.05)


def test_coverage_holds_after_jumps_of_the_deviation() -> None:
    residuals = noise(6000)
    residuals[2000:4000] *= 3
    inside = covered(residuals, intervals(residuals))
    for first in (0, 2000, 4000):
        assert inside[first + 10 : first + 2000].mean() == pytest.approx(0.9, abs=MARGIN)


def test_both_tails_are_covered_where_noise_is_skewed() -> None:
    residuals = np.random.default_rng(0).exponential(size=6000) - math.log(2)  # about its median
    low, high = intervals(residuals)[1000:].T
    assert np.mean(residuals[1000:] < low) == pytest.approx(0.05, abs=MARGIN / 2)
    assert np.mean(residuals[1000:] > high) == pytest.approx(0.05, abs=MARGIN / 2)
    assert np.mean(high) > 3 * np.mean(-low)


def test_coverage_holds_at_far_horizons() -> None:
    horizon = 24
    walk = noise(8000).cumsum()
    residuals = np.concatenate([np.full(horizon, math.nan), walk[horizon:] - walk[:-horizon]])  # persistence's
    ends = intervals(residuals, horizon)
    assert covered(residuals, ends)[1000:].mean() == pytest.approx(0.9, abs=MARGIN)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=3, max_size=80), st.integers(1, 5))
def test_the_position_of_an_end_is_determined_by_the_values_outside_it(values: list[float], horizon: int) -> None:
    step, tail, column, residuals = 0.01, 0.05, np.zeros(STATE_SIZE), np.array(values)
    low, high = intervals(residuals, horizon, column=column).T
    has_width = low < high
    for end, outside in ((LOW, residuals < low), (HIGH, residuals > high)):
        assert MIN_FACTOR < column[end] < MAX_FACTOR
        moved = step * (np.sum(outside[has_width]) - tail * np.sum(has_width))
        assert math.log(column[end]) == pytest.approx(moved, abs=1e-9)


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_width_follows_the_scale_of_the_residuals(factor: float) -> None:
    residuals = noise(4000)
    residuals[2000:] *= factor
    width = np.diff(intervals(residuals))[:, 0]
    before, after = width[1500:2000].mean(), width[2500:3000].mean()
    assert after == pytest.approx(factor * before, rel=0.5)


@pytest.mark.parametrize("unit", [1000.0, 1e-30, 1e60])
def test_intervals_scale_with_the_residuals(unit: float) -> None:
    residuals = noise(500)
    np.testing.assert_allclose(intervals(unit * residuals), unit * intervals(residuals), rtol=1e-9)


def test_an_interval_moves_with_its_forecast() -> None:
    column, ends = np.zeros(STATE_SIZE), np.zeros(2)
    intervals(noise(50), column=column)
    at_zero = ends.copy()
    predict_interval(CONSTANTS, column, 1.0, 0.0, at_zero)
    predict_interval(CONSTANTS, column, 1.0, 40.0, ends)
    np.testing.assert_allclose(ends, 40.0 + at_zero)
    assert ends[0] < 40.0 < ends[1]


def test_the_first_interval_follows_the_first_residual() -> None:
    ends = intervals(np.array([math.nan, math.nan, 2.0, 1.0]))
    assert np.isnan(ends[:3]).all()
    assert (ends[3] == [-ends[3, 1], ends[3, 1]]).all()
    assert ends[3, 1] > 4.0  # twice the only residual


@pytest.mark.parametrize("horizon", [1, 12])
def test_coverage_holds_with_few_residuals(horizon: int) -> None:
    inside = []
    for seed in range(200):
        walk = noise(4 * horizon + 10, seed).cumsum()
        residuals = walk[horizon:] - walk[:-horizon]
        ends = intervals(residuals, horizon)
        inside.append(covered(residuals, ends)[horizon:])
    assert 0.88 < np.mean(inside) < 0.98  # too wide where forecasts overlap


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=40), st.integers(1, 3))
def test_an_interval_is_finite_and_contains_its_forecast(values: list[float], horizon: int) -> None:
    ends = intervals(np.array([*values, *[0.0] * horizon]), horizon)[horizon:]
    assert np.isfinite(ends).all()
    assert (ends[:, 0] <= 0.0).all()
    assert (ends[:, 1] >= 0.0).all()


def test_intervals_of_perfect_forecasts_have_no_width() -> None:
    assert (intervals(np.zeros(2000))[1:] == 0.0).all()


def test_coverage_is_reached_soon_when_a_constant_series_starts_to_vary() -> None:
    residuals = np.concatenate([np.zeros(2000), noise(200)])
    assert covered(residuals, intervals(residuals))[2010:].mean() == pytest.approx(0.9, abs=0.05)


def test_a_glitch_widens_intervals_for_a_short_time_only() -> None:
    residuals = noise(1000)
    residuals[500:502] = 1e30, -1e30  # persistence makes two errors
    width = np.diff(intervals(residuals))[:, 0]
    assert width[550] < 3 * width[1:500].mean()


def test_coverage_is_reached_soon_after_a_jump_of_any_size() -> None:
    residuals = noise(600)
    residuals[500:] *= 1e12
    assert covered(residuals, intervals(residuals))[510:].mean() > 0.85


@pytest.mark.parametrize("missing", [math.nan, math.inf, 1e101])
def test_an_unknown_residual_changes_nothing(missing: float) -> None:
    column = np.zeros(STATE_SIZE)
    intervals(noise(50), column=column)
    before = column.copy()
    update_calibration(CONSTANTS, column, missing, -1.0, 1.0)
    np.testing.assert_array_equal(column, before)


def test_a_value_without_an_interval_updates_the_scale_and_not_the_ends() -> None:
    column = np.zeros(STATE_SIZE)
    intervals(noise(50), column=column)
    before = column.copy()
    update_calibration(CONSTANTS, column, 3.0, math.nan, math.nan)
    assert column[COUNT] == before[COUNT] + 1
    np.testing.assert_array_equal(column[[LOW, HIGH]], before[[LOW, HIGH]])
