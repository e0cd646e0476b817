"""Running moments of a stream's columns, and standard scores made with them.

Weight n, mean and sum of squared deviations M are updated by Welford's recurrence (1962) with forgetting f:

    n <- f n + 1      mean' = mean + (x - mean) / n      M <- f M + (x - mean)(x - mean')

A value further than `limit` standard deviations from the mean counts as that far: one glitch of 1e30 must not blind the
stream for good. Moments are float64, because a sensor's level may be a million times its spread.
"""

from __future__ import annotations

import math
from typing import Any

from stream_rnn.kernels.jit import inner

WEIGHT, MEAN, SQUARES = 0, 1, 2
"""The rows of a stream's moments (3, columns)."""

SETTLED = 2
"""Outliers are told from the rest once this many values are in. That early, a value held back widens the
deviation many times over, so that a true one is let in soon; a glitch that was let in would stay for good."""

ROUNDING = 1e-9
"""A deviation this small beside the mean is no variation."""

LARGEST = 1e100
"""A number beyond this is no measurement: its square would overflow. It counts as missing."""


@inner
def known(value: float) -> bool:
    """Return whether a value is neither missing nor beyond what can be squared."""
    return abs(value) <= LARGEST  # false for NaN


@inner
def observe(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Take a known value of column c into the moments (3, columns)."""
    weight, mean = forgetting * moments[WEIGHT, c] + 1.0, moments[MEAN, c]
    spread = deviation(moments, c)
    if spread <= ROUNDING * abs(mean):
        spread = abs(mean)  # what has not varied yet is told from a glitch by its size
    if moments[WEIGHT, c] >= SETTLED and spread > 0.0:
        reach = limit * spread
        value = min(max(value, mean - reach), mean + reach)
    moved = mean + (value - mean) / weight
    moments[SQUARES, c] = forgetting * moments[SQUARES, c] + (value - mean) * (value - moved)
    moments[WEIGHT, c] = weight
    moments[MEAN, c] = moved


@inner
def deviation(moments: Any, c: int) -> float:
    """Return column c's standard deviation, 0 before the first value."""
    if moments[WEIGHT, c] == 0.0:
        return 0.0
    return math.sqrt(moments[SQUARES, c] / moments[WEIGHT, c])


@inner
def root_mean_square(moments: Any, c: int) -> float:
    """Return the root of column c's mean square, 0 before the first value."""
    return math.hypot(deviation(moments, c), moments[MEAN, c])


@inner
def score(value: float, centre: float, scale: float, limit: float) -> float:
    """Return (value - centre) / scale within [-limit, limit], and 0 where nothing has varied yet."""
    if scale == 0.0:
        return 0.0
    return min(max((value - centre) / scale, -limit), limit)
