"""Gradient clipping, and the check that a gradient is finite."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from compiled_kernels import clip_factor, clip_values
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.learning.clipping import Clip, ClipKind
from stream_rnn.settings.fields import ClipName

KINDS = pytest.mark.parametrize("kind", ClipKind, ids=lambda kind: kind.name.lower())
CLIPPED = {ClipKind.NORM: [-0.6, 0.0, 0.8], ClipKind.VALUE: [-1, 0, 1], ClipKind.OFF: [-3, 0, 4]}
"""What each kind makes of the gradient (-3, 0, 4), with the limit 1."""


def clipped(kind: ClipKind, limit: float, gradient: list[float], factor: float = 1.0) -> np.ndarray:
    g = np.array(gradient, float)
    clip = Clip(kind.value, limit)
    factor = clip_factor(clip, g @ g, factor)
    clip_values(clip, g, factor)
    return factor * g


def test_every_kind_has_a_reference_result_and_a_name_in_the_settings() -> None:
    assert set(CLIPPED) == set(ClipKind)
    assert {name.upper() for name in get_args(ClipName)} == {kind.name for kind in ClipKind}


@KINDS
def test_a_gradient_is_clipped_by_its_kind(kind: ClipKind) -> None:
    np.testing.assert_allclose(clipped(kind, 1.0, [-3, 0, 4]), CLIPPED[kind], rtol=1e-15)


@KINDS
def test_a_gradient_within_the_limit_is_not_changed(kind: ClipKind) -> None:
    np.testing.assert_array_equal(clipped(kind, 5.1, [3, 4]), [3, 4])


@KINDS
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_rejected(kind: ClipKind, value: float) -> None:
    g = np.array([1.0, value, 2.0])
    assert math.isnan(clip_factor(Clip(kind.value, 1.0), g @ g, 1.0))


@given(
    st.sampled_from([ClipKind.NORM, ClipKind.VALUE]),
    st.floats(1e-3, 1e3),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9),
    st.floats(1e-3, 1.0),
)
def test_a_clipped_gradient_is_within_the_limit(
    kind: ClipKind, limit: float, gradient: list[float], factor: float
) -> None:
    g = clipped(kind, limit, gradient, factor)
    size = np.linalg.norm(g) if kind == ClipKind.NORM else np.abs(g).max()
    assert size <= limit * (1 + 1e-12)


@KINDS
def test_the_limit_applies_to_the_mean_over_events_and_not_to_the_sum(kind: ClipKind) -> None:
    np.testing.assert_allclose(clipped(kind, 1.0, [8, 12], factor=0.25), clipped(kind, 1.0, [2, 3]), rtol=1e-15)
