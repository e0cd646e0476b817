"""In which units a target is learned, and from where.

The network is to say z = (y - c) / s of a target y, and an output o of it says y = c + s o. Values are learned as they
are or, in residual forecasts, as changes: h events ahead, b being the last value when the forecast was made,

    values       c = m, the running mean             s = the running deviation
    changes      c = b                               s = the running root mean square of y - c
    reversion    c = m + r (b - m)                   s as of changes

where r, of each horizon its own, is the slope of y - m on b - m by least squares with forgetting, within [0, 1]. That
is what an autoregression of order one forecasts: near 1 a change from the last value, near 0 one from the mean, to
which the far horizons of a series that keeps its level return.

All is of one stream, known before z is learned, and of columns (horizon - 1) D + d for D targets.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import MEAN, WEIGHT, deviation, observe, root_mean_square, score

PRODUCTS, BASES = 0, 1
"""The rows of `Scales.slopes`: sums of (b - m)(y - m) and of (b - m)^2."""


class Targets(NamedTuple):
    """How targets are learned."""

    targets: int
    """D"""
    scaled: bool
    residual: bool
    reversion: bool
    forgetting: float
    limit: float
    """Deviations beyond which a value counts as that far."""


class Scales(NamedTuple):
    """What is known of a stream's targets."""

    moments: Any
    """(3, C) float64, running moments of the values, or of y - c in residual forecasts"""
    levels: Any
    """(3, D) float64, running moments of the values; (3, 0) without reversion"""
    slopes: Any
    """(2, C) float64; (2, 0) without reversion"""


@inner
def take_value(how: Targets, scales: Scales, d: int, y: float) -> None:
    """Take a known value of target d."""
    if how.reversion:
        observe(scales.levels, d, y, how.forgetting, how.limit)
    elif how.scaled and not how.residual:
        observe(scales.moments, d, y, how.forgetting, how.limit)


@inner
def take_change(how: Targets, scales: Scales, column: int, base: float, y: float) -> None:
    """Take a known value of a column's target, after `take_value`; residual forecasts began at `base`."""
    if not how.residual:
        return
    if how.reversion:
        levels, slopes, d = scales.levels, scales.slopes, column % how.targets
        reach = how.limit * deviation(levels, d)
        b = min(max(base - levels[MEAN, d], -reach), reach)
        a = min(max(y - levels[MEAN, d], -reach), reach)
        slopes[PRODUCTS, column] = how.forgetting * slopes[PRODUCTS, column] + a * b
        slopes[BASES, column] = how.forgetting * slopes[BASES, column] + b * b
    if how.scaled:
        change = y - centre(how, scales, column, base)
        observe(scales.moments, column, change, how.forgetting, how.limit)


@inner
def centre(how: Targets, scales: Scales, column: int, base: float) -> float:
    """Return c."""
    d = column % how.targets
    if not how.residual:
        return scales.moments[MEAN, d] if how.scaled else 0.0
    if math.isnan(base):
        return 0.0
    if not how.reversion or scales.slopes[BASES, column] <= 0.0:
        return base
    slope = min(max(scales.slopes[PRODUCTS, column] / scales.slopes[BASES, column], 0.0), 1.0)
    mean = scales.levels[MEAN, d]
    return mean + slope * (base - mean)


@inner
def rests(how: Targets, scales: Scales, column: int, base: float) -> bool:
    """Return whether a forecast rests on any value of its target: without one it is 0, and no error tells of it."""
    if how.residual:
        return not math.isnan(base)
    return not how.scaled or scales.moments[WEIGHT, column % how.targets] > 0.0


@inner
def unit(how: Targets, scales: Scales, column: int) -> float:
    """Return s."""
    if not how.scaled:
        return 1.0
    if how.residual:
        return root_mean_square(scales.moments, column)
    return deviation(scales.moments, column % how.targets)


@inner
def standardised(how: Targets, scales: Scales, column: int, base: float, y: float) -> float:
    """Return z."""
    c = centre(how, scales, column, base)
    if not how.scaled:
        return y - c
    return score(y, c, unit(how, scales, column), how.limit)
