"""Running moments against numpy's, and z-scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_kernels import deviation, is_known, root_mean_square, update_moments, z_score
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.learning.scaling import MEAN, MIN_WEIGHT, WEIGHT

NO_LIMIT = math.inf
SAMPLES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40)


def moments_of(values: list[float], forgetting: float = 1.0, limit: float = NO_LIMIT) -> np.ndarray:
    """Return moments with two columns, the second of which has these values."""
    moments = np.zeros((3, 2))
    for value in values:
        update_moments(moments, 1, value, forgetting, limit)
    assert not moments[:, 0].any()
    return moments


@given(SAMPLES)
def test_mean_and_deviation_are_those_of_the_sample(values: list[float]) -> None:
    moments = moments_of(values)
    assert moments[MEAN, 1] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert deviation(moments, 1) == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)


def test_deviation_is_accurate_at_a_level_of_a_billion_deviations() -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=5000)
    assert deviation(moments_of(list(values)), 1) == pytest.approx(values.std(), rel=1e-6)


@given(SAMPLES, st.floats(0.5, 0.999))
def test_forgetting_weights_values_exponentially(values: list[float], forgetting: float) -> None:
    weights = forgetting ** np.arange(len(values))[::-1]
    mean = np.average(values, weights=weights)
    moments = moments_of(values, forgetting)
    assert moments[WEIGHT, 1] == pytest.approx(weights.sum(), rel=1e-9)
    assert moments[MEAN, 1] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    expected = math.sqrt(np.average((np.array(values) - mean) ** 2, weights=weights))
    assert deviation(moments, 1) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_an_outlier_is_clipped_to_the_limit() -> None:
    quiet = [(-1.0) ** k for k in range(2 * MIN_WEIGHT)]
    before = moments_of(quiet)
    limit = before[MEAN, 1] + 3 * deviation(before, 1)
    np.testing.assert_allclose(moments_of([*quiet, 1e30], limit=3.0), moments_of([*quiet, limit], limit=3.0))


def test_a_glitch_does_not_distort_the_deviation() -> None:
    quiet = list(np.random.default_rng(0).normal(size=200))
    assert deviation(moments_of([*quiet, 1e30], limit=10.0), 1) < 2 * np.std(quiet)


def test_root_mean_square_is_that_of_the_sample() -> None:
    values = [3.0, 4.0, 5.0]
    assert root_mean_square(moments_of(values), 1) == pytest.approx(np.sqrt(np.mean(np.square(values))))


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100), st.floats(1e-300, 1e100), st.floats(0.1, 100))
def test_a_z_score_is_within_the_limit(value: float, centre: float, scale: float, limit: float) -> None:
    assert abs(z_score(value, centre, scale, limit)) <= limit


def test_a_z_score_with_a_scale_of_zero_is_zero() -> None:
    assert z_score(5.0, 3.0, 0.0, 10.0) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e101])
def test_values_whose_square_would_overflow_count_as_missing(value: float) -> None:
    assert not is_known(value)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, -1e100])
def test_values_that_can_be_squared_are_known(value: float) -> None:
    assert is_known(value)


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=30), st.sampled_from([1.0, 0.9]))
def test_moments_of_known_values_are_finite(values: list[float], forgetting: float) -> None:
    moments = moments_of(values, forgetting, 10.0)
    assert np.isfinite(moments).all()
    assert math.isfinite(root_mean_square(moments, 1))
