"""Scales by the hour of the day follow residuals that are larger at some hours."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_kernels import hourly_factor, update_hour

from stream_rnn.learning.hourly_scale import LIMIT, MAX_FACTOR, MIN_COUNT, STATE_SIZE

HOUR = np.arange(24 * 200) % 24


def learned(sizes: np.ndarray, hours: np.ndarray = HOUR) -> np.ndarray:
    """Return the state after residuals of these relative sizes."""
    state = np.zeros(STATE_SIZE)
    for hour, size in zip(hours, sizes, strict=True):
        update_hour(state, hour, size)
    return state


def noise(seed: int = 0) -> np.ndarray:
    return np.abs(np.random.default_rng(seed).normal(size=len(HOUR)))


def test_factors_are_the_relative_sizes_of_residuals_at_these_hours() -> None:
    state = learned(noise() * np.where(HOUR < 12, 3.0, 1.0))
    factors = np.array([hourly_factor(state, hour) for hour in range(24)])
    assert factors[:12].mean() == pytest.approx(1.5, abs=0.1)
    assert factors[12:].mean() == pytest.approx(0.5, abs=0.05)
    assert factors.mean() == pytest.approx(1)


def test_noise_that_is_the_same_at_all_hours_has_factors_near_1() -> None:
    state = learned(noise())
    assert max(abs(hourly_factor(state, hour) - 1) for hour in range(24)) < 0.25


@pytest.mark.parametrize("hour", [0, -1])
def test_with_one_hour_or_none_the_factor_is_1(hour: int) -> None:
    state = learned(noise(), np.full(len(HOUR), hour))
    assert hourly_factor(state, hour) == pytest.approx(1)


def test_few_residuals_and_new_hours_do_not_count() -> None:
    state = learned(noise()[: int(MIN_COUNT) - 1] * (HOUR[: int(MIN_COUNT) - 1] + 1), HOUR[: int(MIN_COUNT) - 1] % 12)
    assert hourly_factor(state, 11) == 1
    update_hour(state, 11, 1.0)
    assert hourly_factor(state, 11) > 1
    assert hourly_factor(state, 20) == 1


def test_a_glitch_counts_as_the_limit() -> None:
    sizes = noise()
    clipped = sizes.copy()
    sizes[-30], clipped[-30] = 1e30, LIMIT
    np.testing.assert_array_equal(learned(sizes), learned(clipped))


def test_residuals_of_0_at_other_hours_leave_a_finite_factor() -> None:
    state = learned(np.where(HOUR == 5, 1.0, 0.0))
    factors = [hourly_factor(state, hour) for hour in range(24)]
    assert max(factors) == MAX_FACTOR
    assert np.isfinite(factors).all()
