"""What a forecast starts from: the last value, except after a jump that will probably be gone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from compiled_kernels import start_value
from hypothesis import given
from hypothesis import strategies as st

LIMIT, USUAL = 10.0, 1.0


def starts_of(values: list[float], usual: float = USUAL) -> list[float]:
    newest, experience = np.full((2, 2), math.nan), np.zeros((2, 2))
    found = [start_value(LIMIT, usual, newest, experience, 1, value) for value in values]
    assert np.isnan(newest[:, 0]).all()
    assert not experience[:, 0].any()
    return found


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_without_jumps_forecasts_start_from_the_last_value(values: list[float]) -> None:
    assert starts_of(values) == values


def test_they_start_from_the_last_value_while_the_usual_change_is_not_known() -> None:
    values = [0.0, 1000.0, 0.0, 1000.0, 0.0, 1000.0]
    assert starts_of(values, usual=0.0) == values


def test_the_first_jump_may_be_a_new_level() -> None:
    values = [0.0, 1.0, 101.0, 102.0, 100.0]
    assert starts_of(values) == values


@pytest.mark.parametrize("height", [20.0, -300.0, 1e9])
def test_after_a_few_glitches_the_next_hardly_counts(height: float) -> None:
    glitches = [0.0, 1.0, height, 0.0, -1.0] * 4
    last = starts_of([*glitches, height])[-1]
    assert abs(last) < 0.2 * abs(height) + 1


def test_glitches_have_no_effect_on_the_values_between_them() -> None:
    values = [0.0, 1.0, 50.0, 2.0, -1.0] * 4
    starts = starts_of(values)
    assert [start for start, value in zip(starts, values, strict=True) if value != 50] == [
        value for value in values if value != 50
    ]


def test_a_level_that_stays_is_accepted_at_its_second_value_after_glitches_too() -> None:
    values = [0.0, 1.0, 50.0, 0.0, -1.0] * 6 + [100.0, 101.0, 99.0]
    assert starts_of(values)[-2:] == [101.0, 99.0]


def test_jumps_that_lose_a_share_are_expected_to_lose_it() -> None:
    pulses = [0.0, 80.0, 48.0, 39.0, 30.0, 21.0, 12.0, 3.0] * 10
    assert starts_of([*pulses, 0.0, 80.0])[-1] == pytest.approx(0.6 * 80, rel=0.1)


@given(st.lists(st.integers(-(2**50), 2**50).map(float), max_size=40))
def test_the_start_is_between_the_values_of_a_jump(values: list[float]) -> None:
    newest, experience = np.full((2, 2), math.nan), np.zeros((2, 2))
    for value in values:
        before = newest[0, 1]
        start = start_value(LIMIT, USUAL, newest, experience, 1, value)
        assert math.isfinite(start)
        if start != value:
            low, high = sorted((before, value))
            assert low - 1 <= start <= high + 1
