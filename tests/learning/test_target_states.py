"""The state of a target lasts as long as what it is about."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched import STEP, watch

from stream_rnn.learning.target_states import ABNORMAL, MIN_RUN, MISSING, NORMAL, PATIENCE, STUCK, UNUSUAL

COUNT, START, STOP = 8000, 5000, 5300
DURING = slice(START, STOP)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=COUNT)


def share(states: np.ndarray, state: int) -> float:
    return float((states == state).mean())


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_normal(seed: int) -> None:
    assert share(watch(noise(seed)).states, NORMAL) > 0.97


@pytest.mark.parametrize("size", [8.0, -5.0])
def test_a_shift_is_abnormal_as_long_as_it_lasts_although_forecasts_have_adapted(size: float) -> None:
    y = noise()
    y[DURING] += size
    watched = watch(y)
    assert watched.alarms[START]
    assert watched.alarms[DURING].sum() == 1
    assert share(watched.states[DURING], ABNORMAL) == 1
    assert share(watched.states[STOP + 100 : STOP + 600], NORMAL) > 0.95


def test_unrest_is_abnormal_as_long_as_it_lasts() -> None:
    y = noise()
    y[DURING] *= 5
    watched = watch(y)
    assert share(watched.states[START + 20 : STOP], ABNORMAL) > 0.9
    assert share(watched.states[STOP + 100 : STOP + 600], NORMAL) > 0.95


def test_a_spike_is_abnormal_for_a_few_events() -> None:
    y = noise()
    y[START] += 12
    states = watch(y).states[START:, 0]
    assert states[0] == ABNORMAL
    assert share(states[20:], NORMAL) > 0.95


def test_what_has_lasted_is_normal_again() -> None:
    y = noise()
    y[START:] += 8
    states = watch(y).states[START:]
    assert share(states[: int(PATIENCE)], ABNORMAL) > 0.95
    assert share(states[int(PATIENCE) + 100 :], NORMAL) > 0.9


def test_a_value_that_no_longer_changes_is_stuck_until_it_does() -> None:
    y = noise()
    y[DURING] = y[START]
    states = watch(y).states
    first = START + int(MIN_RUN) - 1
    assert share(states[first:STOP], STUCK) == 1
    assert STUCK not in np.delete(states, np.s_[first:STOP])


def test_runs_as_long_as_usual_are_not_stuck() -> None:
    y = np.repeat(noise()[: COUNT // 40], 40)
    y[DURING] = y[START]
    states = watch(y).states
    first = START + int(UNUSUAL) * 40 - 1
    assert share(states[first:STOP], STUCK) == 1
    assert STUCK not in states[:first]


def test_counts_that_are_mostly_0_are_not_stuck() -> None:
    y = np.random.default_rng(1).poisson(0.05, COUNT).astype(float)
    assert STUCK not in watch(y).states


def test_values_that_never_changed_are_normal() -> None:
    assert share(watch(np.full(2000, 7.0)).states, NORMAL) == 1


def test_a_value_that_becomes_stuck_again_and_again_becomes_usual() -> None:
    y = np.concatenate([np.append(noise()[:500], np.full(50, i)) for i in range(10)])
    stuck = [STUCK in watch(y).states[550 * i : 550 * (i + 1)] for i in range(10)]
    assert stuck[0]
    assert not any(stuck[4:])


def test_a_value_is_missing_as_long_as_it_is() -> None:
    y = noise()
    y[DURING] = np.nan
    states = watch(y).states[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(states == MISSING), np.arange(START, STOP))


def test_an_anomaly_outlasts_missing_values() -> None:
    y = noise()
    y[DURING] += 8
    y[START + 100] = np.nan
    states = watch(y).states[START + 99 : START + 102, 0]
    assert states.tolist() == [ABNORMAL, MISSING, ABNORMAL]


@pytest.mark.parametrize(("gap", "state"), [(1.0, NORMAL), (2.0, NORMAL), (10.0, MISSING)])
def test_the_event_that_ends_an_unusual_gap_is_missing(gap: float, state: int) -> None:
    times = STEP * np.arange(COUNT)
    times[START:] += (gap - 1) * STEP
    states = watch(noise(), times=times).states[:, 0]
    assert states[START] == state
    assert MISSING not in np.delete(states, START)


def test_irregular_times_are_usual() -> None:
    times = np.cumsum(np.random.default_rng(0).exponential(STEP, COUNT))
    assert share(watch(noise(), times=times).states, MISSING) < 2e-3


def test_without_times_no_gap_is_known() -> None:
    assert MISSING not in watch(noise(), times=np.full(COUNT, math.nan)).states


def test_each_target_has_its_own_state_and_the_stream_the_first_of_them() -> None:
    y = np.stack([noise(0), noise(1), noise(2)], axis=1)
    y[DURING, 0] += 10
    y[START + 100 : STOP, 1] = 0.5
    y[START + 200 : STOP, 2] = np.nan
    watched = watch(y)
    assert watched.states[[START + 50, START + 150, START + 250]].tolist() == [
        [ABNORMAL, NORMAL, NORMAL],
        [ABNORMAL, STUCK, NORMAL],
        [ABNORMAL, STUCK, MISSING],
    ]
    np.testing.assert_array_equal(watched.of_stream, watched.states.max(axis=1))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60))
@settings(deadline=None)
def test_any_values_and_times_have_a_state(values: list[float]) -> None:
    watched = watch(values, times=np.array(values[::-1]))
    assert set(watched.of_stream.tolist()) <= {NORMAL, ABNORMAL, STUCK, MISSING}
    assert np.isfinite(watched.memory).all()
