"""Anomaly scores of residuals with known anomalies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_kernels import anomaly_score
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_rnn.learning.anomaly import DEFAULT, state_size

STEP = 300.0


def noise(count: int = 2000, targets: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, targets))


def scores_of(residuals: np.ndarray, step: float = STEP, values: np.ndarray | None = None) -> np.ndarray:
    """Return the scores of values, by default those whose forecasts were 0."""
    residuals = residuals.reshape(len(residuals), -1)
    values = residuals if values is None else values.reshape(len(residuals), -1)
    state = np.zeros(state_size(residuals.shape[1]))
    events = enumerate(zip(residuals, values, strict=True))
    evidence = np.zeros(residuals.shape[1])
    scores = np.array([anomaly_score(DEFAULT, state, r, y, step * i, evidence) for i, (r, y) in events])
    assert np.isfinite(state).all()
    return scores


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=80))
@settings(deadline=None)
def test_scores_are_between_0_and_1_for_any_residuals(residuals: list[float]) -> None:
    scores = scores_of(np.array(residuals))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_noise_gives_almost_no_alarms() -> None:
    assert (scores_of(noise(20_000)) > 0.5).mean() < 1e-4


def test_heavy_tails_give_fewer_alarms_than_a_limit_on_deviations() -> None:
    residuals = np.random.default_rng(0).standard_t(3, size=20_000)
    far = np.abs(residuals) > 5 * residuals.std()  # a normal residual is that far once in a million
    assert (scores_of(residuals) > 0.6).sum() < 0.5 * far.sum()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_spike_scores_high_immediately(sign: int) -> None:
    residuals = noise()
    residuals[1500] = 15 * sign
    scores = scores_of(residuals)
    assert scores[1500] > 0.9
    assert np.argmax(scores) == 1500


def test_a_lasting_increase_of_errors_scores_high_within_ten_events() -> None:
    residuals = noise()
    residuals[1500:] *= 4
    scores = scores_of(residuals)
    assert scores[1000:1500].max() < 0.4 < scores[1500:1510].max()


def test_a_value_that_stays_is_not_sudden_although_its_forecast_is_wrong() -> None:
    residuals, values = noise(), noise(seed=1)
    residuals[1500] = 15
    values[1500] = values[1499]
    assert scores_of(residuals, values=values)[1500] < 0.5 < scores_of(residuals)[1500]


def test_biased_forecasts_score_high() -> None:
    residuals = noise()
    unbiased = residuals.copy()
    residuals[1500:1530] = 1.5 + 0.1 * residuals[1500:1530]
    unbiased[1500:1530] = np.where(np.arange(30) % 2, 1, -1)[:, np.newaxis] * residuals[1500:1530]
    assert scores_of(residuals)[1500:1530].max() > 0.5
    assert scores_of(unbiased)[1500:1530].max() < 0.4


def test_a_long_anomaly_gives_few_alarms() -> None:
    residuals = noise()
    residuals[1500:1560] += 15
    assert 1 <= (scores_of(residuals)[1500:] > 0.4).sum() <= 3


def test_a_second_anomaly_long_after_the_first_scores_high() -> None:
    residuals = noise(4000)
    residuals[[1500, 2500]] = 20
    scores = scores_of(residuals)
    assert scores[1500] > 0.9
    assert scores[2500] > 0.9


@pytest.mark.parametrize("value", [0.0, 1e-30, 3.0, -7e8])
def test_constant_residuals_score_0(value: float) -> None:
    assert not scores_of(np.full(500, value)).any()


def test_the_first_error_after_perfect_forecasts_scores_1() -> None:
    residuals = np.zeros(500)
    residuals[400] = 1e-3
    scores = scores_of(residuals)
    assert scores[400] == 1
    assert not scores[:400].any()


@pytest.mark.parametrize("factor", [1000.0, 1e-6, 3e20])
def test_scores_do_not_depend_on_the_unit(factor: float) -> None:
    residuals = noise()
    residuals[1500] = 8
    np.testing.assert_allclose(scores_of(residuals * factor), scores_of(residuals), rtol=1e-6, atol=1e-9)


def test_scores_do_not_depend_on_the_sign() -> None:
    np.testing.assert_array_equal(scores_of(-noise()), scores_of(noise()))


def test_missing_residuals_do_not_change_other_scores() -> None:
    residuals, gaps = noise(600), np.full((1200, 1), np.nan)
    residuals[500] = 10
    gaps[::2] = residuals
    with_gaps = scores_of(gaps, STEP / 2)
    np.testing.assert_array_equal(with_gaps[::2], scores_of(residuals))
    assert not with_gaps[1::2].any()


def test_a_missing_target_does_not_hide_an_anomaly_of_another() -> None:
    residuals = noise(targets=2)
    residuals[1400:, 0] = np.nan
    residuals[1500, 1] = 15
    assert scores_of(residuals)[1500] > 0.9


def test_more_targets_do_not_give_more_false_alarms() -> None:
    assert (scores_of(noise(20_000, targets=8)) > 0.4).mean() < 2e-4


def test_a_glitch_does_not_hide_later_anomalies() -> None:
    residuals = noise(3000)
    residuals[1000], residuals[2000] = 1e30, 15
    scores = scores_of(residuals)
    assert scores[1000] == 1
    assert scores[2000] > 0.8


def test_jumps_at_the_same_hour_of_every_day_score_lower_after_a_month() -> None:
    day = int(86_400 / STEP)
    residuals = noise(40 * day)
    residuals[108::day] += 8
    with_times, without_times = scores_of(residuals), scores_of(residuals, math.nan)
    assert with_times[108::day][30:].mean() < 0.5 * without_times[108::day][30:].mean()


def test_a_jump_at_another_hour_scores_higher() -> None:
    day = int(86_400 / STEP)
    residuals = noise(40 * day)
    residuals[108::day] += 8
    residuals[39 * day + 250] += 8
    scores = scores_of(residuals)
    assert scores[39 * day + 250] > 1.5 * scores[39 * day + 108]


def days_with_plateaus(days: int, step: float = STEP) -> np.ndarray:
    """Return noise with a plateau of 40 from 9 to 18 h of each day."""
    per_day = int(86_400 / step)
    hours = 24 * (np.arange(days * per_day) % per_day) / per_day
    return 40.0 * ((hours >= 9) & (hours < 18)) + noise(days * per_day)[:, 0]


@pytest.mark.parametrize("level", [0.0, 15.0, 40.0], ids=["no jump", "lower", "stuck at night"])
@pytest.mark.parametrize("step", [60.0, STEP, 1800.0])
def test_a_day_without_its_pattern_scores_high_although_its_forecasts_are_right(level: float, step: float) -> None:
    values, per_day = days_with_plateaus(14, step), int(86_400 / step)
    start = 10 * per_day + (0 if level == 40.0 else per_day * 9 // 24)
    values[start : start + per_day * 9 // 24] = level + noise(per_day * 9 // 24, seed=1)[:, 0]
    scores = scores_of(noise(len(values), seed=2), step, values)
    usual, unusual = scores[4 * per_day : start].max(), scores[start : start + per_day // 6].max()
    assert unusual > max(2 * usual, 0.35)


def test_without_times_no_hours_are_distinguished() -> None:
    values = days_with_plateaus(14)
    values[-288:] = noise(288)[:, 0]
    assert scores_of(np.zeros(len(values)), math.nan, values)[-288:].max() < 0.1


def test_a_day_counts_once_however_many_events_it_has() -> None:
    values = days_with_plateaus(14)
    times = STEP * np.arange(len(values))
    busy = np.repeat(np.arange(len(values)), np.where(times // 86_400 == 3, 20, 1))
    state, scores = np.zeros(state_size(1)), np.zeros(len(busy))
    for i, row in enumerate(busy):
        scores[i] = anomaly_score(DEFAULT, state, np.zeros(1), values[row : row + 1], times[row], np.zeros(1))
    assert scores[times[busy] >= 4 * 86_400].max() < 0.5


@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_outside_the_range_so_far_scores_high_although_it_was_expected(sign: int) -> None:
    values = sign * np.abs(noise()[:, 0])
    values[1500] = 2 * sign * np.abs(values).max()
    scores = scores_of(np.zeros(len(values)), values=values)
    assert np.argmax(scores) == 1500
    assert scores[1500] > 0.5


def test_a_ramp_does_not_score_high_at_each_of_its_events() -> None:
    values = np.arange(3000.0)
    assert scores_of(noise(3000), values=values)[500:].max() < 0.4


def test_frequent_alarms_score_lower_and_later_ones_recover() -> None:
    residuals = noise(20_000)
    residuals[1000:6000:150] = 9
    residuals[19_000] = 9
    scores = scores_of(residuals)
    first, last = scores[1000:1600:150].mean(), scores[5300:6000:150].mean()
    assert last < 0.5 * first
    assert scores[19_000] > 2 * last


@pytest.mark.parametrize("time", [-1e-20, -5e9, 86_399.999_999_999_99, 1e300, math.inf, -math.inf])
def test_no_time_writes_outside_the_state(time: float) -> None:
    guarded = np.zeros(state_size(1) + 3)
    for residual in noise(50):
        assert 0 <= anomaly_score(DEFAULT, guarded[: state_size(1)], residual, residual, time, np.zeros(1)) <= 1
    assert not guarded[state_size(1) :].any()


def test_scores_do_not_depend_on_later_residuals() -> None:
    residuals = noise()
    changed = residuals.copy()
    changed[1500:] *= 100
    np.testing.assert_array_equal(scores_of(changed)[:1500], scores_of(residuals)[:1500])
