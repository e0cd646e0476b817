"""Running mean and standard deviation of columns, and z-scores.

Weight n, mean and sum of squared deviations M of the values x, by Welford's recurrence (1962,
doi:10.1080/00401706.1962.10490022) with forgetting factor f:

    n <- f n + 1      mean' = mean + (x - mean) / n      M <- f M + (x - mean)(x - mean')

Values are clipped to `limit` standard deviations from the mean, so that one glitch of 1e30 does not distort the moments
for good. Moments are float64, because the level of a sensor may be a million times its variation.
"""

from __future__ import annotations

import math
from typing import Any

from stream_rnn.kernels.jit import inner

WEIGHT, MEAN, SQUARES = 0, 1, 2
"""The rows of moments (3, columns)."""

MIN_WEIGHT = 2
"""Weight from which values are clipped. It is low, because a glitch that is not clipped stays in the moments, whereas
clipping a valid value still widens the deviation by a multiple, so that the next such values are no longer clipped."""

ROUNDING = 1e-9
"""Deviations of at most this fraction of the mean are rounding errors."""

MAX_VALUE = 1e100
"""A larger value counts as missing, because its square would overflow."""


@inner
def is_known(value: float) -> bool:
    """Return whether a value is neither missing (NaN) nor too large."""
    return abs(value) <= MAX_VALUE  # false for NaN


@inner
def update_moments(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Add a known value of column c to the moments (3, columns)."""
    weight, mean = forgetting * moments[WEIGHT, c] + 1.0, moments[MEAN, c]
    spread = deviation(moments, c)
    if spread <= ROUNDING * abs(mean):
        spread = abs(mean)  # the values so far were constant
    if moments[WEIGHT, c] >= MIN_WEIGHT and spread > 0.0:
        reach = limit * spread
        value = min(max(value, mean - reach), mean + reach)
    new_mean = mean + (value - mean) / weight
    moments[SQUARES, c] = forgetting * moments[SQUARES, c] + (value - mean) * (value - new_mean)
    moments[WEIGHT, c] = weight
    moments[MEAN, c] = new_mean


@inner
def deviation(moments: Any, c: int) -> float:
    """Return the standard deviation of column c, 0 before the first value."""
    if moments[WEIGHT, c] == 0.0:
        return 0.0
    return math.sqrt(moments[SQUARES, c] / moments[WEIGHT, c])


@inner
def root_mean_square(moments: Any, c: int) -> float:
    """Return the root mean square of column c, 0 before the first value."""
    return math.hypot(deviation(moments, c), moments[MEAN, c])


@inner
def z_score(value: float, centre: float, scale: float, limit: float) -> float:
    """Return (value - centre) / scale, clipped to [-limit, limit]; 0 if the scale is 0."""
    if scale == 0.0:
        return 0.0
    return min(max((value - centre) / scale, -limit), limit)
