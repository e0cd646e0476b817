"""Running mean and standard deviation of columns, and z-scores.

Weight n, mean and sum of squared deviations M of the values x, by Welford's recurrence (1962,
doi:10.1080/00401706.1962.10490022) with forgetting factor f:

    n <- f n + 1      mean' = mean + (x - mean) / n      M <- f M + (x - mean)(x - mean')

Values are clipped to `limit` standard deviations from the mean. Values with heavy tails then widen the moments, and a
glitch hardly does. Once the moments are settled, values beyond `IMPOSSIBLE` limits do not count at all.

Sensors also report error codes for a while, and they change their level for good when they are calibrated or moved. A
run of outliers, values more than `limit` deviations from the mean at its start, may be another regime: after `SETTLED`
values, if they are separated from those before by `SEPARATED` limits, their own moments become the present ones, and
those from before the run are kept. One value of the regime before makes that the present one again.

The first `FIRST_VALUES` values have no moments to be compared with. The moments are then those of the values within
`limit` deviations of their median, where the deviation is estimated by the median absolute deviation (Hampel 1974,
doi:10.1080/01621459.1974.10482962).

While all values were equal there is no deviation. Different values then are part of the regime as soon as the constant
returns, or after `CHANGED` of them if they are not separated from it. The constant then counts as at most
`MOST_CONSTANT` values.

Moments are float64, because the level of a sensor may be a million times its variation.
"""

from __future__ import annotations

import math
from typing import Any

from stream_rnn.kernels.jit import inner, rare

FIRST_VALUES = 5
"""Number of values that are kept until there are moments. Up to two of them may be wrong."""
IMPOSSIBLE = 10.0
"""Number of limits beyond which a single value cannot belong to the signal."""
SETTLED = 64.0
"""Number of outliers in a row, or weight, that makes a regime."""
CHANGED = 3.0
"""The same while all values were equal."""
MOST_CONSTANT = 2.0 * SETTLED
"""Weight of a constant, however long, when other values follow: the present deviation must not grow for as long."""
SEPARATED = 2.0
"""Number of limits between the means of two regimes; nearer ones are one regime whose deviation was underestimated."""
MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal variable in units of its median absolute deviation."""

WEIGHT, MEAN, SQUARES, SEEN = range(4)
"""The first rows of moments: n, mean and M of the present regime, and the number of values, up to FIRST_VALUES."""
FIRST = SEEN + 1
"""First of the rows that hold the first values, until there are enough of them. Later these rows are the following."""
OTHER_WEIGHT, OTHER_MEAN, OTHER_SQUARES, RUN, KEPT_MEAN, KEPT_VARIANCE = range(FIRST, FIRST + 6)
"""n, mean and M of another regime; the number of outliers less that of other values since; mean and variance before."""
MOMENT_ROWS = FIRST + 6
"""Length of the first axis of moments."""

ROUNDING = 1e-13
"""Deviations of at most this fraction of the mean are rounding errors."""

MAX_VALUE = 1e100
"""A larger value counts as missing, because its square would overflow."""


@inner
def is_known(value: float) -> bool:
    """Return whether a value is neither missing (NaN) nor too large."""
    return abs(value) <= MAX_VALUE  # false for NaN


@inner
def update_moments(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Add a known value of column c to the moments (MOMENT_ROWS, columns)."""
    if moments[SEEN, c] < FIRST_VALUES:
        _add_first(moments, c, value, forgetting, limit)
        return
    mean, spread = moments[MEAN, c], deviation(moments, c)
    reach = limit * spread
    if moments[RUN, c] == 0.0 and abs(value - mean) <= reach and spread > ROUNDING * abs(mean):
        _add(moments, WEIGHT, c, value, forgetting)
    else:
        _add_unusual(moments, c, value, forgetting, limit)


@inner
def deviation(moments: Any, c: int) -> float:
    """Return the standard deviation of column c, 0 before the first value."""
    return 0.0 if moments[WEIGHT, c] == 0.0 else math.sqrt(_variance(moments, WEIGHT, c))


@inner
def is_possible(moments: Any, c: int, value: float, limit: float) -> bool:
    """Return whether a value can belong to the present regime of column c, and is not that of a stuck sensor."""
    spread = deviation(moments, c)
    if spread <= ROUNDING * abs(moments[MEAN, c]):
        return moments[OTHER_WEIGHT, c] < SETTLED
    return moments[WEIGHT, c] < SETTLED or abs(value - moments[MEAN, c]) <= IMPOSSIBLE * limit * spread


@inner
def _variance(moments: Any, row: int, c: int) -> float:
    """Return the variance of the regime whose weight is in `row`."""
    return moments[row + 2, c] / moments[row, c]


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


@inner
def _add(moments: Any, row: int, c: int, value: float, forgetting: float) -> None:
    """Add a value to the regime whose weight is in `row`."""
    weight, mean = forgetting * moments[row, c] + 1.0, moments[row + 1, c]
    new_mean = mean + (value - mean) / weight
    moments[row + 2, c] = forgetting * moments[row + 2, c] + (value - mean) * (value - new_mean)
    moments[row, c] = weight
    moments[row + 1, c] = new_mean


@rare
def _add_first(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Add one of the first values, and compute the moments of those that agree."""
    count = int(moments[SEEN, c]) + 1
    moments[SEEN, c] = count
    moments[FIRST + count - 1, c] = value
    centre = _median_distance(moments, c, count, 0.0, False)
    spread = MAD_TO_DEVIATION * _median_distance(moments, c, count, centre, True)
    if spread <= ROUNDING * abs(centre):
        spread = abs(centre)  # most values are equal
    reach = limit * spread if spread > 0.0 else math.inf
    for row in range(SEEN):
        moments[row, c] = 0.0
    for k in range(count):
        x = moments[FIRST + k, c]
        if abs(x - centre) <= reach:
            _add(moments, WEIGHT, c, x, forgetting)
    if count == FIRST_VALUES:
        for row in range(FIRST, MOMENT_ROWS):
            moments[row, c] = 0.0


@rare
def _median_distance(moments: Any, c: int, count: int, centre: float, absolute: bool) -> float:
    """Return the lower median of the first values' (absolute) distances from a centre."""
    for k in range(count):
        candidate, below, equal = _distance(moments, c, k, centre, absolute), 0, 0
        for j in range(count):
            other = _distance(moments, c, j, centre, absolute)
            below += other < candidate
            equal += other == candidate
        if below <= (count - 1) // 2 < below + equal:
            return candidate
    return math.nan


@inner
def _distance(moments: Any, c: int, k: int, centre: float, absolute: bool) -> float:
    distance = moments[FIRST + k, c] - centre
    return abs(distance) if absolute else distance


@rare
def _add_unusual(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Add an outlier, a value in a run, or any value while all were equal."""
    if moments[OTHER_WEIGHT, c] >= SETTLED and _belongs_to_other(moments, c, value, limit):
        _swap(moments, c)
        moments[RUN, c] = 0.0
    if moments[RUN, c] == 0.0:
        moments[KEPT_MEAN, c] = moments[MEAN, c]
        moments[KEPT_VARIANCE, c] = _variance(moments, WEIGHT, c)
    centre, spread = moments[KEPT_MEAN, c], math.sqrt(moments[KEPT_VARIANCE, c])
    is_constant = spread <= ROUNDING * abs(centre)
    is_outlier = abs(value - centre) > max(limit * spread, ROUNDING * abs(centre))
    if not (is_outlier and is_constant):
        _add_clipped(moments, c, value, forgetting, limit)
    if is_outlier:
        _extend_run(moments, c, value, forgetting, limit, CHANGED if is_constant else SETTLED)
    elif moments[RUN, c] > 0.0:
        _shorten_run(moments, c, limit, is_constant)


@inner
def _add_clipped(moments: Any, c: int, value: float, forgetting: float, limit: float) -> None:
    """Add a value to the present regime, clipped to the limit, unless it cannot belong to the signal."""
    mean, reach = moments[MEAN, c], limit * deviation(moments, c)
    if moments[WEIGHT, c] < SETTLED or abs(value - mean) <= IMPOSSIBLE * reach:
        _add(moments, WEIGHT, c, min(max(value, mean - reach), mean + reach), forgetting)


@inner
def _extend_run(moments: Any, c: int, value: float, forgetting: float, limit: float, enough: float) -> None:
    """Add an outlier to the other regime, which becomes the present one if it has enough values and is separated."""
    centre = moments[KEPT_MEAN, c]
    is_glitch = moments[RUN, c] == 1.0 and IMPOSSIBLE * abs(value - centre) < abs(moments[OTHER_MEAN, c] - centre)
    if moments[RUN, c] == 0.0 or is_glitch:  # the value before, which began the run
        for row in range(OTHER_WEIGHT, KEPT_MEAN):
            moments[row, c] = 0.0
    _add(moments, OTHER_WEIGHT, c, value, forgetting)
    moments[RUN, c] += 1.0
    if moments[RUN, c] < enough:
        return
    moments[RUN, c] = 0.0
    distance = abs(moments[OTHER_MEAN, c] - centre)
    variance = _variance(moments, OTHER_WEIGHT, c)
    spread = math.sqrt(max(variance, moments[KEPT_VARIANCE, c]))
    separation = SEPARATED if moments[WEIGHT, c] >= 2.0 * SETTLED else IMPOSSIBLE  # the run is part of the weight
    if spread > 0.0 and distance > separation * limit * spread:
        moments[MEAN, c] = centre
        moments[SQUARES, c] = moments[KEPT_VARIANCE, c] * moments[WEIGHT, c]
        _swap(moments, c)
    else:
        if enough < SETTLED:
            _merge(moments, c)
        moments[OTHER_WEIGHT, c] = 0.0


@inner
def _shorten_run(moments: Any, c: int, limit: float, is_constant: bool) -> None:
    """Count a value that is not an outlier; a constant ends the run, whose values are part of the signal."""
    moments[RUN, c] -= 1.0
    if is_constant:
        moments[RUN, c] = 0.0
        centre = moments[KEPT_MEAN, c]
        variance = _variance(moments, OTHER_WEIGHT, c)
        if centre == 0.0 or math.hypot(moments[OTHER_MEAN, c] - centre, math.sqrt(variance)) <= limit * abs(centre):
            _merge(moments, c)
    if moments[RUN, c] == 0.0:
        moments[OTHER_WEIGHT, c] = 0.0


@inner
def _belongs_to_other(moments: Any, c: int, value: float, limit: float) -> bool:
    """Return whether a value is within the limit of the other regime."""
    centre = moments[OTHER_MEAN, c]
    spread = math.sqrt(_variance(moments, OTHER_WEIGHT, c))
    return abs(value - centre) <= max(limit * spread, ROUNDING * abs(centre))


@inner
def _swap(moments: Any, c: int) -> None:
    """Make the other regime the present one."""
    for k in range(SEEN):
        before = moments[WEIGHT + k, c]
        moments[WEIGHT + k, c] = moments[OTHER_WEIGHT + k, c]
        moments[OTHER_WEIGHT + k, c] = before


@inner
def _merge(moments: Any, c: int) -> None:
    """Make a constant and the values after it one regime (Chan et al. 1979)."""
    weight, other = min(moments[WEIGHT, c], MOST_CONSTANT), moments[OTHER_WEIGHT, c]
    distance = moments[OTHER_MEAN, c] - moments[MEAN, c]
    moments[WEIGHT, c] = weight + other
    moments[MEAN, c] += distance * other / (weight + other)
    moments[SQUARES, c] += moments[OTHER_SQUARES, c] + distance * distance * weight * other / (weight + other)
    moments[OTHER_WEIGHT, c] = 0.0
