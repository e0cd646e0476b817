"""Encoding of targets: the network learns z = (y - c) / s of a target y, and its output o means y = c + s o.

Targets are learned as values or, in residual forecasts, as changes from the last value b at the time of the forecast:

    values       c = m, the running mean             s = the running standard deviation
    changes      c = b                               s = the running root mean square of y - c
    reversion    c = m + r (b - m)                   s as for changes

where r, for each horizon, is the slope of y - m on b - m by least squares with forgetting, clipped to [0, 1]. This is
the forecast of an autoregression of order one: r near 1 starts from the last value, r near 0 from the mean, to which
the forecasts of a mean-reverting series tend with the horizon. Last values more than `limit` deviations from the mean
have a slope of their own, which forgets quickly: peaks are gone soon, a new level stays. Before there are such values
it is r, which counts as one of them.

Where there is a running mean of values (`reversion`), changes from or to values that cannot belong to the present
regime are not learned, and no changes are while a target is stuck: constant after it had another regime. Error codes
then leave neither scales nor weights behind.

The last value b is that of `jumps`.

c and s belong to one stream and one forecast column, (horizon - 1) D + d for target d of D. They are known before z is
learned.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.jumps import start_value
from stream_rnn.learning.scaling import (
    FIRST_VALUES,
    MEAN,
    SEEN,
    WEIGHT,
    deviation,
    is_possible,
    root_mean_square,
    update_moments,
    z_score,
)

PRODUCTS, BASES, OUTER_PRODUCTS, OUTER_BASES = range(4)
"""The rows of `TargetScales.slopes`: sums of (b - m)(y - m) and of (b - m)^2, with values clipped to the limit, and the
same of values beyond it."""
SLOPE_ROWS = 4
"""Length of the first axis of slopes."""
OUTER_FORGETTING: Final = 0.9
"""Forgetting factor per last value beyond the limit."""


class TargetEncoding(NamedTuple):
    """How targets are encoded."""

    targets: int
    """D"""
    scaled: bool
    residual: bool
    reversion: bool
    forgetting: float
    limit: float
    """deviations from the centre to which values are clipped"""


class TargetScales(NamedTuple):
    """The running statistics of a stream's targets."""

    moments: Any
    """(MOMENT_ROWS, C) float64, running moments of the values, or of y - c in residual forecasts"""
    levels: Any
    """(MOMENT_ROWS, D) float64, running moments of the values; no columns without reversion"""
    slopes: Any
    """(4, C) float64; (4, 0) without reversion"""
    newest: Any
    """(2, D) float64, as `values` of `jumps`; (2, 0) without residual forecasts"""
    jumps: Any
    """(2, D) float64, as `experience` of `jumps`; (2, 0) without residual forecasts"""


@inner
def record_value(encoding: TargetEncoding, scales: TargetScales, d: int, y: float) -> None:
    """Add a known value of target d to the statistics."""
    if encoding.reversion:
        update_moments(scales.levels, d, y, encoding.forgetting, encoding.limit)
    elif encoding.scaled and not encoding.residual:
        update_moments(scales.moments, d, y, encoding.forgetting, encoding.limit)


@inner
def record_change(encoding: TargetEncoding, scales: TargetScales, column: int, base: float, y: float) -> None:
    """Add a known value of a column's target to the statistics of changes from b = `base`, after `record_value`."""
    d = column % encoding.targets
    if not encoding.residual:
        return
    if encoding.reversion and scales.levels[SEEN, d] >= FIRST_VALUES:
        levels, slopes = scales.levels, scales.slopes
        b, a, reach = base - levels[MEAN, d], y - levels[MEAN, d], encoding.limit * deviation(levels, d)
        if abs(b) > reach:
            slopes[OUTER_PRODUCTS, column] = OUTER_FORGETTING * slopes[OUTER_PRODUCTS, column] + a * b
            slopes[OUTER_BASES, column] = OUTER_FORGETTING * slopes[OUTER_BASES, column] + b * b
        b, a = min(max(b, -reach), reach), min(max(a, -reach), reach)
        slopes[PRODUCTS, column] = encoding.forgetting * slopes[PRODUCTS, column] + a * b
        slopes[BASES, column] = encoding.forgetting * slopes[BASES, column] + b * b
    if encoding.scaled:
        change = y - centre_of(encoding, scales, column, base)
        update_moments(scales.moments, column, change, encoding.forgetting, encoding.limit)


@inner
def centre_of(encoding: TargetEncoding, scales: TargetScales, column: int, base: float) -> float:
    """Return c."""
    d = column % encoding.targets
    if not encoding.residual:
        return scales.moments[MEAN, d] if encoding.scaled else 0.0
    if math.isnan(base):
        return 0.0
    if not encoding.reversion or scales.slopes[BASES, column] <= 0.0:
        return base
    slopes, mean = scales.slopes, scales.levels[MEAN, d]
    slope = min(max(slopes[PRODUCTS, column] / slopes[BASES, column], 0.0), 1.0)
    distance = base - mean
    if abs(distance) > encoding.limit * deviation(scales.levels, d):
        square = distance * distance
        slope = (slopes[OUTER_PRODUCTS, column] + square * slope) / (slopes[OUTER_BASES, column] + square)
        slope = min(max(slope, 0.0), 1.0)
    return mean + slope * distance


@inner
def base_after(encoding: TargetEncoding, scales: TargetScales, d: int, y: float) -> float:
    """Return b after a known value of target d."""
    if not encoding.residual:
        return y
    known = encoding.scaled and scales.moments[SEEN, d] >= FIRST_VALUES
    usual = root_mean_square(scales.moments, d) if known else 0.0
    return start_value(encoding.limit, usual, scales.newest, scales.jumps, d, y)


@inner
def has_basis(encoding: TargetEncoding, scales: TargetScales, column: int, base: float) -> bool:
    """Return whether c is derived from a value of the target; otherwise forecasts have no meaningful error."""
    if encoding.residual:
        return not math.isnan(base)
    return not encoding.scaled or scales.moments[WEIGHT, column % encoding.targets] > 0.0


@inner
def is_usable(encoding: TargetEncoding, scales: TargetScales, d: int, base: float, y: float) -> bool:
    """Return whether a change from b = `base` to the value y of target d is to be learned, after `record_value`."""
    if not encoding.reversion:
        return True
    levels, limit = scales.levels, encoding.limit
    return is_possible(levels, d, base, limit) and is_possible(levels, d, y, limit)


@inner
def scale_of(encoding: TargetEncoding, scales: TargetScales, column: int) -> float:
    """Return s."""
    if not encoding.scaled:
        return 1.0
    if encoding.residual:
        return root_mean_square(scales.moments, column)
    return deviation(scales.moments, column % encoding.targets)


@inner
def encode_target(encoding: TargetEncoding, scales: TargetScales, column: int, base: float, y: float) -> float:
    """Return z."""
    c = centre_of(encoding, scales, column, base)
    if not encoding.scaled:
        return y - c
    return z_score(y, c, scale_of(encoding, scales, column), encoding.limit)
