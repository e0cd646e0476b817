"""Forecasts without inputs or weights.

They are made from the last values y of a stream, each target by itself:

    persistence       y_t
    seasonal naive    y at the same phase of the newest season, t + h - k L for the smallest k that is possible
    Holt-Winters      l + (phi + ... + phi^h) b + s_{t+h}, or times s_{t+h} where all values are positive, with

        l' = alpha (y - s) + (1 - alpha) (l + phi b)        y / s if it is multiplicative
        b' = beta (l' - l) + (1 - beta) phi b
        s' = gamma (y - l - phi b) + (1 - gamma) s          y / (l + phi b)

(Holt 1957, Winters 1960, damped by phi: Gardner & McKenzie 1985; s' as in Hyndman et al. 2008.) A missing value counts
as the last one known, but a running Holt-Winters only advances its level and trend.

The season is the lag L whose error of the seasonal naive forecast, e_L = mean (y_t - y_{t-L})^2, is a local minimum and
lowest in units of the largest error at a smaller lag: a series that wanders has ever larger errors and no season. The
newest errors have most weight. A season is accepted only after it was seen twice, if the ratio of the errors is below 1
by more than its standard error, and kept until another is better.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import is_known

PERSISTENCE, SEASONAL, ADDITIVE, MULTIPLICATIVE = range(4)
"""The order of the forecasts."""
NAIVE = ("persistence", "seasonal_naive", "holt_winters", "holt_winters_multiplicative")

SMOOTHING = ((0.2, 0.02, 0.3, 0.98), (0.3, 0.1, 0.6, 1.0))
"""alpha, beta, gamma and phi of the additive and the multiplicative Holt-Winters. The latter are those that river's
documentation uses; with them, an additive season of 48 values or more diverges."""
MEMORY = 2000.0
"""Values over which the errors of lags are averaged."""
MAX_RATIO = 0.9
"""Largest error of a season, in units of the largest error at a smaller lag."""
MARGIN = 0.95
"""Ratio of the errors of a season and of the one that it replaces, or of a smaller one that is preferred to it."""

EARLY, PAUSE = 500, 16
"""After so many values, the season and the range of the values are determined anew at every 16th."""

COUNT, SEASON = 0, 1
"""Columns of `counts`."""
LEVEL, TREND = 0, 1
"""Columns of `smooth`."""


class NaiveState(NamedTuple):
    """Arrays kept for each stream, one row per slot, of D targets with seasons of up to S events."""

    values: Any
    """(slots, D, 2 S) the newest values, newest first from ``-count % (2 S)`` on"""
    errors: Any
    """(slots, D, S + 2) mean squared error of the seasonal naive forecast one step ahead, by lag"""
    counts: Any
    """(slots, D, 2) int64: number of values so far, and the season, 0 if there is none"""
    seasonal: Any
    """(slots, D, 2, S) s of both forms of Holt-Winters, at the number of the value modulo the season"""
    smooth: Any
    """(slots, D, 2, 2) l and b of both forms"""
    active: Any
    """(slots, D, 2) int64: season of both forms, 0 while they do not forecast"""
    bounds: Any
    """(slots, D, 2) least and largest of the values; Holt-Winters forecasts nothing further outside than their range"""


@inner
def forget(state: NaiveState, slot: int) -> None:
    """Forget the values of a stream."""
    state.counts[slot] = 0
    state.active[slot] = 0


@inner
def update(state: NaiveState, slot: int, y: Any) -> None:
    """Add the values y (D,) of an event, NaN where missing."""
    for d in range(y.shape[0]):
        values, counts = state.values[slot, d], state.counts[slot, d]
        known, count = is_known(y[d]), counts[COUNT]
        if not known and count == 0:
            continue
        value = y[d] if known else values[-count % values.shape[0]]
        if known:
            _score_lags(values, state.errors[slot, d], count, value)
            if count < EARLY or count % PAUSE == 0:
                _choose_season(state.errors[slot, d], counts)
        counts[COUNT] = count + 1
        values[-(count + 1) % values.shape[0]] = value
        for form in range(2):
            season = counts[SEASON]
            if state.active[slot, d, form] != season and count + 1 >= 2 * season:
                state.active[slot, d, form] = season
                if season and not _begin(state, slot, d, form):
                    state.active[slot, d, form] = 0
            elif state.active[slot, d, form] and not _smooth(state, slot, d, form, value, known):
                state.active[slot, d, form] = 0
        _bound(values, counts[COUNT], value, state.bounds[slot, d])


@inner
def forecast(state: NaiveState, slot: int, kind: int, ahead: int, d: int) -> float:
    """Return a forecast of target d, `ahead` >= 1 events after the newest one; NaN if there is none of this kind."""
    values, counts = state.values[slot, d], state.counts[slot, d]
    count = counts[COUNT]
    if count == 0:
        return math.nan
    width, season = values.shape[0], counts[SEASON]
    if kind == PERSISTENCE or (kind == SEASONAL and season == 0):
        return values[-count % width]
    if kind == SEASONAL:
        lag = (ahead + season - 1) // season * season - ahead
        return values[(-count % width + lag) % width]
    form = kind - ADDITIVE
    season = state.active[slot, d, form]
    if season == 0:
        return math.nan
    level, trend = state.smooth[slot, d, form, LEVEL], state.smooth[slot, d, form, TREND]
    phase = state.seasonal[slot, d, form, (count - 1 + ahead) % season]
    line = level + _steps(SMOOTHING[form][3], ahead) * trend
    found = line + phase if kind == ADDITIVE else line * phase
    low, high = state.bounds[slot, d, 0], state.bounds[slot, d, 1]
    return found if 2.0 * low - high <= found <= 2.0 * high - low else math.nan


@inner
def _score_lags(values: Any, errors: Any, count: int, value: float) -> None:
    """Update the errors of all lags by a new value; its lag 1 is the newest value that is kept."""
    width = values.shape[0]
    head, filled = -count % width, min(count, errors.shape[0] - 1)
    first = min(filled, width - head)  # lags that are kept before the end of the ring
    _score_range(values, errors, 1, first, head - 1, count, value)
    _score_range(values, errors, first + 1, filled, head - 1 - width, count, value)


@inner
def _score_range(values: Any, errors: Any, first: int, last: int, shift: int, count: int, value: float) -> None:
    """Update the errors of the lags `first` to `last`; that of lag L is compared with the value at ``L + shift``."""
    newer = float(count + 1)
    if newer - last >= MEMORY:  # as below, without divisions: most of the time of all naive forecasts
        for lag in range(first, last + 1):
            difference = value - values[lag + shift]
            errors[lag] += (difference * difference - errors[lag]) * (1.0 / MEMORY)
        return
    for lag in range(first, last + 1):
        difference = value - values[lag + shift]
        errors[lag] += (difference * difference - errors[lag]) / min(newer - lag, MEMORY)


@inner
def _choose_season(errors: Any, counts: Any) -> None:
    """Replace the season by a lag whose error is clearly lower, in units of the largest error at a smaller lag."""
    largest, before, at = 0.0, math.inf, math.inf  # of the two lags before
    best, best_ratio, present = 0, math.inf, math.inf
    for lag in range(1, min(counts[COUNT] // 2 + 2, errors.shape[0] - 1) + 1):
        ratio = errors[lag] / largest if largest > 0.0 else math.inf
        largest = max(largest, errors[lag])
        if lag >= 3 and at < before and at < ratio and at < MARGIN * best_ratio:
            best, best_ratio = lag - 1, at
        if lag == counts[SEASON]:
            present = ratio
        before, at = at, ratio
    if present > MAX_RATIO:
        counts[SEASON], present = 0, math.inf
    if best_ratio < MARGIN * present and best_ratio < _believable(counts[COUNT] + 1 - best):
        counts[SEASON] = best


@inner
def _believable(compared: int) -> float:
    """Return the ratio of errors below which a lag is a season, after so many values were compared with earlier ones.

    The ratio of two mean squares of n independent values has a standard error of 2 / sqrt(n).
    """
    return min(MAX_RATIO, 1.0 - 2.0 / math.sqrt(compared))


@inner
def _begin(state: NaiveState, slot: int, d: int, form: int) -> bool:
    """Begin a form of Holt-Winters with the newest two seasons; return whether their values allow it."""
    values, season = state.values[slot, d], state.counts[slot, d, SEASON]
    count, width = state.counts[slot, d, COUNT], values.shape[0]
    head, newest, older = -count % width, 0.0, 0.0
    for lag in range(season):
        newest += values[(head + lag) % width] / season
        older += values[(head + lag + season) % width] / season
    trend = (newest - older) / season
    middle = 0.5 * (season - 1)
    for lag in range(season):
        new, old = values[(head + lag) % width], values[(head + lag + season) % width]
        line = newest + trend * (middle - lag)
        past = line - trend * season
        if form == 1 and min(new, old, line, past) <= 0.0:
            return False
        mean = 0.5 * (new / line + old / past) if form == 1 else 0.5 * (new - line + old - past)
        state.seasonal[slot, d, form, (count - 1 - lag) % season] = mean
    state.smooth[slot, d, form, LEVEL], state.smooth[slot, d, form, TREND] = newest + trend * middle, trend
    return True


@inner
def _smooth(state: NaiveState, slot: int, d: int, form: int, value: float, known: bool) -> bool:
    """Update a form of Holt-Winters by a value; return whether the value allows it."""
    alpha, beta, gamma, phi = SMOOTHING[form]
    smooth, season = state.smooth[slot, d, form], state.active[slot, d, form]
    place = (state.counts[slot, d, COUNT] - 1) % season
    line = smooth[LEVEL] + phi * smooth[TREND]
    if not known:
        smooth[LEVEL], smooth[TREND] = line, phi * smooth[TREND]
        return True
    phase = state.seasonal[slot, d, form, place]
    if form == 1 and (value <= 0.0 or phase <= 0.0 or line <= 0.0):
        return False
    level = alpha * (value / phase if form == 1 else value - phase) + (1.0 - alpha) * line
    if form == 1 and level <= 0.0:
        return False
    smooth[TREND] = beta * (level - smooth[LEVEL]) + (1.0 - beta) * phi * smooth[TREND]
    smooth[LEVEL] = level
    now = value / line if form == 1 else value - line
    state.seasonal[slot, d, form, place] = gamma * now + (1.0 - gamma) * phase
    return True


@inner
def _steps(phi: float, ahead: int) -> float:
    """Return phi + ... + phi^ahead."""
    return float(ahead) if phi == 1.0 else phi * (1.0 - phi**ahead) / (1.0 - phi)


@inner
def _bound(values: Any, count: int, value: float, bounds: Any) -> None:
    """Update the least and the largest value by the newest one."""
    if count == 1 or count % PAUSE == 0:
        bounds[0], bounds[1] = value, value
        for place in range(values.shape[0] - min(count, values.shape[0]), values.shape[0]):
            bounds[0], bounds[1] = min(bounds[0], values[place]), max(bounds[1], values[place])
    bounds[0], bounds[1] = min(bounds[0], value), max(bounds[1], value)
