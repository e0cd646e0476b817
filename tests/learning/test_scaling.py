"""Running moments against numpy's, and z-scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_kernels import deviation, is_known, root_mean_square, update_moments, z_score
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.learning.scaling import FIRST_VALUES, MEAN, MOMENT_ROWS, SETTLED, WEIGHT

NO_LIMIT = 1e9
SAMPLES = st.lists(st.floats(-1e3, 1e3), max_size=40).map(lambda values: [3.0, -1.0, 0.0, 1.0, 4.0, *values])
RNG = np.random.default_rng(0)
NORMAL = list(40 + 5 * RNG.normal(size=3000))


def moments_of(values: list[float], forgetting: float = 1.0, limit: float = NO_LIMIT) -> np.ndarray:
    """Return moments with two columns, the second of which has these values."""
    moments = np.zeros((MOMENT_ROWS, 2))
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
    quiet = NORMAL[:50]
    before = moments_of(quiet, limit=3.0)
    edge = before[MEAN, 1] + 2.999999 * deviation(before, 1)
    clipped, inside = moments_of([*quiet, 80.0], limit=3.0), moments_of([*quiet, edge], limit=3.0)
    np.testing.assert_allclose(clipped[:3], inside[:3], rtol=1e-5)


def test_a_glitch_does_not_distort_the_deviation() -> None:
    quiet = NORMAL[:200]
    assert deviation(moments_of([*quiet, 1e30], limit=10.0), 1) < 2 * np.std(quiet)


@pytest.mark.parametrize("bad", [-9999.0, 0.0, 65535.0, 1e6, 1e30])
@pytest.mark.parametrize("limit", [5.0, 10.0])
@pytest.mark.parametrize("place", [*range(FIRST_VALUES + 3), 20, 100])
def test_a_bad_value_at_any_place_hardly_changes_the_moments(bad: float, limit: float, place: int) -> None:
    moments = moments_of([*NORMAL[:place], bad, *NORMAL[place:1000]], limit=limit)
    assert moments[MEAN, 1] == pytest.approx(40.0, abs=1.0)
    assert deviation(moments, 1) == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize("bad", [-9999.0, 65535.0, 1e30])
@pytest.mark.parametrize(
    ("place", "count"),
    [(place, count) for place in (0, 100, 1000) for count in (2, 10, 30, 2000)] + [(3, 2), (3, 2000)],
)
def test_moments_recover_at_once_after_many_bad_values(bad: float, place: int, count: int) -> None:
    moments = moments_of([*NORMAL[:place], *[bad] * count, *NORMAL[place : place + 100]], 0.999, 10.0)
    assert moments[MEAN, 1] == pytest.approx(40.0, abs=2.0)
    assert deviation(moments, 1) == pytest.approx(5.0, rel=0.3)


def test_moments_from_before_bad_values_are_kept() -> None:
    before = moments_of(NORMAL[:1000])
    after = moments_of([*NORMAL[:1000], *[-9999.0] * 500, 41.0], limit=10.0)
    assert after[WEIGHT, 1] > before[WEIGHT, 1]
    assert after[MEAN, 1] == pytest.approx(before[MEAN, 1], abs=0.2)


@pytest.mark.parametrize("shift", [200.0, -1e6])
def test_moments_follow_a_level_that_stays(shift: float) -> None:
    moments = moments_of([*NORMAL[:1000], *(shift + x for x in NORMAL[1000 : 1000 + int(SETTLED) + 5])], limit=10.0)
    assert moments[MEAN, 1] == pytest.approx(shift + 40, abs=5)
    assert deviation(moments, 1) == pytest.approx(5.0, rel=0.5)


def test_moments_follow_a_level_that_comes_and_goes() -> None:
    moments, means = np.zeros((MOMENT_ROWS, 2)), []
    for level in (0.0, 1000.0, 0.0, 1000.0, 0.0):
        for x in NORMAL[:100]:
            update_moments(moments, 1, level + x, 0.999, 10.0)
        means.append(moments[MEAN, 1] - level)
    assert means == pytest.approx([40.0] * 5, abs=1)


def test_values_with_heavy_tails_widen_the_deviation() -> None:
    moments = moments_of(list(np.random.default_rng(1).standard_cauchy(size=5000)), limit=10.0)
    assert deviation(moments, 1) > 3


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0] * 9 + [1.0], [5.0] * 30 + [7.0], [0.0] * 50 + [0.3, 4.0, 20.0]])
def test_a_signal_that_is_mostly_constant_has_the_deviation_of_all_its_values(values: list[float]) -> None:
    many = values * 40
    moments = moments_of([*many, values[0]], limit=10.0)
    assert moments[MEAN, 1] == pytest.approx(np.mean(many), abs=0.3 * np.std(many))
    assert deviation(moments, 1) == pytest.approx(np.std(many), rel=0.3)


def test_a_ramp_after_a_constant_has_the_deviation_of_both() -> None:
    values = [0.0] * 100 + [float(k) for k in range(1, 101)]
    moments = moments_of(values, limit=10.0)
    assert moments[MEAN, 1] == pytest.approx(np.mean(values), rel=0.1)
    assert deviation(moments, 1) == pytest.approx(np.std(values), rel=0.1)


def test_a_signal_after_a_long_constant_soon_has_its_own_deviation() -> None:
    moments = moments_of([0.0] * 5000 + [x - 40 for x in NORMAL[:1000]], 0.9999, 10.0)
    assert deviation(moments, 1) == pytest.approx(5.0, rel=0.1)


def test_a_constant_has_no_deviation() -> None:
    assert deviation(moments_of([0.1] * 500, 0.999, 10.0), 1) == pytest.approx(0.0, abs=1e-12)


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
