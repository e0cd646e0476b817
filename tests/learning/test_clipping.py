"""Gradient clipping, and the guard against gradients that are not finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernels_by_name import clip_factor, clip_values

from stream_rnn.learning.clipping import Clip, ClipKind

KINDS = pytest.mark.parametrize("kind", ClipKind, ids=lambda kind: kind.name.lower())


def clipped(kind: ClipKind, limit: float, gradient: list[float], factor: float = 1.0) -> np.ndarray:
    g = np.array(gradient, float)
    clip = Clip(kind.value, limit)
    factor = clip_factor(clip, g @ g, factor)
    clip_values(clip, g, factor)
    return factor * g


def test_by_norm_keeps_the_direction() -> None:
    np.testing.assert_allclose(clipped(ClipKind.NORM, 1.0, [3, 4]), [0.6, 0.8], rtol=1e-15)


def test_by_norm_leaves_a_short_gradient_alone() -> None:
    np.testing.assert_array_equal(clipped(ClipKind.NORM, 5.1, [3, 4]), [3, 4])


def test_by_value_bounds_each_component() -> None:
    np.testing.assert_array_equal(clipped(ClipKind.VALUE, 1.0, [-3, 0.5, 4]), [-1, 0.5, 1])


def test_off_changes_nothing() -> None:
    np.testing.assert_array_equal(clipped(ClipKind.OFF, 1.0, [-3e6, 0.5, 4e9]), [-3e6, 0.5, 4e9])


@KINDS
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_refused(kind: ClipKind, wrong: float) -> None:
    g = np.array([1.0, wrong, 2.0])
    assert math.isnan(clip_factor(Clip(kind.value, 1.0), g @ g, 1.0))


@given(
    st.sampled_from([ClipKind.NORM, ClipKind.VALUE]),
    st.floats(1e-3, 1e3),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9),
    st.floats(1e-3, 1.0),
)
def test_no_gradient_leaves_longer_than_the_limit(
    kind: ClipKind, limit: float, gradient: list[float], factor: float
) -> None:
    made = clipped(kind, limit, gradient, factor)
    size = np.linalg.norm(made) if kind == ClipKind.NORM else np.abs(made).max()
    assert size <= limit * (1 + 1e-12)


@KINDS
def test_the_limit_holds_for_the_mean_over_events_and_not_for_their_sum(kind: ClipKind) -> None:
    np.testing.assert_allclose(clipped(kind, 1.0, [8, 12], factor=0.25), clipped(kind, 1.0, [2, 3]), rtol=1e-15)
