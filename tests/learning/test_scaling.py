"""Running moments against numpy's, and scores made with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels_by_name import deviation, known, observe, root_mean_square, score

from stream_rnn.learning.scaling import MEAN, SETTLED, WEIGHT

NO_LIMIT = math.inf
SAMPLES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40)


def moments_of(values: list[float], forgetting: float = 1.0, limit: float = NO_LIMIT) -> np.ndarray:
    moments = np.zeros((3, 2))
    for value in values:
        observe(moments, 1, value, forgetting, limit)
    assert not moments[:, 0].any()  # the other column
    return moments


@given(SAMPLES)
def test_mean_and_deviation_are_numpys(values: list[float]) -> None:
    moments = moments_of(values)
    assert moments[MEAN, 1] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert deviation(moments, 1) == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)


def test_a_level_of_a_million_deviations_is_no_trouble() -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=5000)
    assert deviation(moments_of(list(values)), 1) == pytest.approx(values.std(), rel=1e-6)


@given(SAMPLES, st.floats(0.5, 0.999))
def test_forgetting_weighs_old_values_less(values: list[float], forgetting: float) -> None:
    shares = forgetting ** np.arange(len(values))[::-1]
    mean = np.average(values, weights=shares)
    moments = moments_of(values, forgetting)
    assert moments[WEIGHT, 1] == pytest.approx(shares.sum(), rel=1e-9)
    assert moments[MEAN, 1] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    spread = math.sqrt(np.average((np.array(values) - mean) ** 2, weights=shares))
    assert deviation(moments, 1) == pytest.approx(spread, rel=1e-6, abs=1e-6)


def test_an_outlier_counts_as_the_limit() -> None:
    quiet = [(-1.0) ** k for k in range(2 * SETTLED)]
    before = moments_of(quiet)
    reach = before[MEAN, 1] + 3 * deviation(before, 1)
    np.testing.assert_allclose(moments_of([*quiet, 1e30], limit=3.0), moments_of([*quiet, reach], limit=3.0))


def test_a_glitch_does_not_blind_the_stream() -> None:
    quiet = list(np.random.default_rng(0).normal(size=200))
    assert deviation(moments_of([*quiet, 1e30], limit=10.0), 1) < 2 * np.std(quiet)


def test_root_mean_square_is_about_zero() -> None:
    values = [3.0, 4.0, 5.0]
    assert root_mean_square(moments_of(values), 1) == pytest.approx(np.sqrt(np.mean(np.square(values))))


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100), st.floats(1e-300, 1e100), st.floats(0.1, 100))
def test_a_score_is_never_beyond_the_limit(value: float, centre: float, scale: float, limit: float) -> None:
    assert abs(score(value, centre, scale, limit)) <= limit


def test_a_score_is_zero_where_nothing_has_varied() -> None:
    assert score(5.0, 3.0, 0.0, 10.0) == 0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -1e101])
def test_what_cannot_be_squared_counts_as_missing(value: float) -> None:
    assert not known(value)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e30, -1e100])
def test_what_can_be_squared_is_known(value: float) -> None:
    assert known(value)


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=30), st.sampled_from([1.0, 0.9]))
def test_moments_of_known_values_are_finite(values: list[float], forgetting: float) -> None:
    moments = moments_of(values, forgetting, 10.0)
    assert np.isfinite(moments).all()
    assert math.isfinite(root_mean_square(moments, 1))
