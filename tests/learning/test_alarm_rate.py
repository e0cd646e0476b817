"""Alarms have the stated rate on streams without anomalies, whatever their distribution is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from watched import watch

from stream_rnn.learning.alarm_rate import MAX_FACTOR, MIN_FACTOR, STEP

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 20_000
ROWS = np.arange(COUNT)
DAY = np.sin(2 * np.pi * ROWS / 288)


def _volatile(random: np.random.Generator) -> np.ndarray:
    """Return values whose variance follows their squares (GARCH)."""
    y, variance = np.zeros(COUNT), 1.0
    for i, z in enumerate(random.normal(size=COUNT)):
        y[i] = math.sqrt(variance) * z
        variance = 0.02 + 0.1 * y[i] ** 2 + 0.88 * variance
    return y


STREAMS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda random: random.normal(size=COUNT),
    "heavy tails": lambda random: random.standard_t(3, COUNT),
    "heavier tails": lambda random: random.standard_t(2, COUNT),
    "skewed": lambda random: random.lognormal(size=COUNT),
    "seasonal": lambda random: 10 * DAY + (1 + 0.8 * DAY) * random.normal(size=COUNT),
    "random walk": lambda random: np.cumsum(random.normal(size=COUNT)),
    "counts": lambda random: random.poisson(0.3, COUNT).astype(float),
    "volatile": _volatile,
}


@pytest.mark.parametrize("rate", [0.01, 0.001])
@pytest.mark.parametrize("name", STREAMS)
def test_the_share_of_alarms_is_the_rate_within_a_factor_of_1_5(name: str, rate: float) -> None:
    alarms = watch(STREAMS[name](np.random.default_rng(1)), rate=rate).alarms
    assert rate / 1.5 < alarms.mean() < 1.5 * rate


def test_alarms_of_several_targets_that_err_together_are_those_of_one_stream() -> None:
    random = np.random.default_rng(2)
    y = random.standard_t(3, (COUNT, 1)) + 0.1 * random.normal(size=(COUNT, 5))
    assert 0.001 / 1.5 < watch(y).alarms.mean() < 1.5 * 0.001


def test_the_rate_holds_for_any_stream_as_closely_as_the_number_of_events_allows() -> None:
    random = np.random.default_rng(3)
    y = random.normal(size=COUNT) * np.exp(np.cumsum(0.3 * random.normal(size=COUNT // 500)).repeat(500))
    bound = math.log(MAX_FACTOR / MIN_FACTOR) / (STEP * COUNT)
    assert abs(watch(y).alarms.mean() - 0.001) < bound


def test_the_most_surprising_events_raise_the_alarms() -> None:
    y = np.random.default_rng(4).normal(size=COUNT)
    y[10_000::1000] += 12
    assert watch(y).alarms[10_000::1000].all()


def test_constant_values_raise_no_alarm_and_the_first_change_does() -> None:
    y = np.zeros(3000)
    y[2500] = 1e-3
    assert np.flatnonzero(watch(y).alarms).tolist() == [2500]


def test_alarms_do_not_depend_on_the_unit_or_the_sign() -> None:
    y = np.random.default_rng(5).normal(size=3000)
    np.testing.assert_array_equal(watch(-1024.0 * y).alarms, watch(y).alarms)


def test_a_stream_that_was_saved_continues_with_the_same_alarms() -> None:
    y = np.random.default_rng(6).standard_t(3, 4000)
    residuals, times = y - 0.1, 300.0 * np.arange(4000)
    whole = watch(y, residuals, rate=0.01, times=times)
    first = watch(y[:1500], residuals[:1500], rate=0.01, times=times[:1500])
    rest = watch(y[1500:], residuals[1500:], rate=0.01, times=times[1500:], memory=first.memory)
    np.testing.assert_array_equal(np.append(first.alarms, rest.alarms), whole.alarms)
    np.testing.assert_array_equal(rest.memory, whole.memory)
