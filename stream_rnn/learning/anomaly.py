"""Anomaly score of an event, from its forecast's error, the usual value at that hour, and the range of earlier values.

Three kinds of evidence are combined by their maximum, because each finds what the others miss.

**Errors.** The anomaly likelihood of Lavin & Ahmad (2015, arXiv:1510.03336) and Ahmad et al. (2017,
doi:10.1016/j.neucom.2017.04.070) compares the short-term mean of the errors with their long-term distribution. For the
one-step residual r of a target, with Q the upper tail of the normal distribution:

    a = sqrt(min(|r|, |y - last y|))          close to normal even for residuals with heavy tails
    s = mean of a over the last events        exponentially weighted, as are all means here
    z = (s - m) / d                           m and d: long-term mean and deviation of s
    score = log10(2 D Q(z)) / log10(1e-10)    clipped to [0, 1], for the largest z of D targets

There are two such z: one of the errors, which detects sudden changes and unrest, and one with |mean of r| over a longer
time instead of the minimum, which detects forecasts that are biased for a while. What was to be expected, by the
forecast or because nothing changed, is not sudden: a network that is still learning errs where nothing happens. m and d
are those of the hour of the day if these are larger, because a stream may always be volatile at some hour, such as the
opening of a shop; the moments of an hour start as `prior` events with the moments of the stream.

**Hour of the day.** A forecast adapts to a day whose pattern is missing or a value that is stuck, so that its errors
are soon small. With the mean value h of the present hour on earlier days, as of at least `MIN_DAYS`:

    e = mean of y - h over the last events    h as of yesterday, so that today's events do not hide themselves
    z = |e| / d                               d: root mean square of e at this hour on earlier days

with the score as above; a day with a variance of `floor` times that of all values counts towards d. A day counts once,
by its means, however many events it has.

**Range.** A value y outside the range [low, high] of all earlier values has, after `settled` events,

    score = outside u / (u + share)           u = max(y - high, low - y) / (high - low)

less log10(D) / 10, because the range of any of D targets may be left.

The evidence of a target is E = -ln 2 Q(z), with its own z, or ln 1e10 times the score of its range, if that is larger.
Alarms at a stated rate are derived from it, see `alarm_rate`, as is the score, but without the following.

Two rules limit false alarms. Each score sets a threshold of `margin` times itself, which decays, and lower scores
become 0: an anomaly raises one alarm, not one for each of its events. And scores are those beyond the usual height u of
the stream's alarms, (score - u) / (1 - u), because an alarm means less where there are many: each moves u towards
itself by a share of `habituation`, and u decays more slowly than the threshold.

Scores do not depend on the units of the target. Residuals and values are clipped to `limit` deviations, and the range
grows by at most `MAX_GROWTH` times its width at once, so that a glitch does not hide later anomalies.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.hourly_scale import HOURS
from stream_rnn.learning.scaling import is_known

DAY = 86_400.0
HOUR_SECONDS = DAY / HOURS
MOMENTS = 3
"""Length of moments: weight, mean and sum of squared deviations, as in `scaling`."""

THRESHOLD, USUAL_ALARM, TARGETS = 0, 1, 2
"""Indices of the threshold and of the usual height of alarms in the state; the states of the targets follow."""
SHORT_WEIGHT, SHORT_MEAN, LONG = 0, 1, 2
HOUR = LONG + MOMENTS
Z_SIZE = HOUR + HOURS * MOMENTS
"""Length of the state of one z."""
BIAS_WEIGHT, BIAS_MEAN, SUDDEN = 0, 1, 2
LASTING = SUDDEN + Z_SIZE
ERRORS_SIZE = LASTING + Z_SIZE
"""Length of the state of the errors of one target."""
DAILY = ERRORS_SIZE
RANGE_COUNT, LOW, HIGH, LAST, RANGE_SIZE = 0, 1, 2, 3, 4
"""Number of values, their range, and the last of them."""
VALUES = 0
"""Moments of all values, the first in the state of the differences from the usual values of the hours."""
DIFFERENCE_WEIGHT, DIFFERENCE_MEAN, USUAL = MOMENTS, MOMENTS + 1, MOMENTS + 2
VISIT, COUNT, MEAN, SQUARE, DAYS, DAYS_MEAN, JUDGED_DAYS, DAYS_SQUARE, USUAL_SIZE = range(9)
"""Of an hour of the day: when it was last visited, in hours since the Unix epoch; number of events, mean and mean
square of e in that visit; weight and mean of the visits before; weight and mean square of e in those that were judged.
"""
BOUNDS = DAILY + USUAL + HOURS * USUAL_SIZE
TARGET_SIZE = BOUNDS + RANGE_SIZE
"""Length of the state of one target."""

MIN_WEIGHT = 20.0
"""Weight of the long-term moments from which there are scores."""
MIN_TAIL = 1e-10
"""Tail probability with score 1."""
MIN_EVIDENCE = 1e-300
"""Smallest tail probability that is distinguished from 0 in E."""
MIN_DAYS = 2.0
"""Weight of days from which an hour has a usual value, and later a deviation of it; three days weigh that much, two do
not."""
MAX_GROWTH = 3.0
"""Widths by which the range grows at most at one event."""
ROUNDING = 1e-6
"""Deviations of at most this fraction of the mean are rounding errors."""


class Anomaly(NamedTuple):
    """The constants of the score: forgetting factors per event, and others."""

    short: float
    """of s"""
    lasting: float
    """of the mean residual"""
    long: float
    """of m and d"""
    hour: float
    """of m and d of an hour"""
    fade: float
    """of the threshold"""
    difference: float
    """of the mean difference from the usual value of the hour"""
    recovery: float
    """of the usual height of alarms"""
    days: float
    """of the usual value of an hour and its deviation, per day"""
    margin: float
    """threshold in units of the score that set it"""
    prior: float
    """events that the initial moments of an hour count as"""
    limit: float
    """deviations to which residuals and values are clipped"""
    floor: float
    """variance of a day that counts towards d of an hour, in units of the variance of all values"""
    settled: float
    """events after which there is a range"""
    outside: float
    """score of a value far outside the range"""
    share: float
    """share of the range by which a value with half that score is outside"""
    habituation: float
    """share by which an alarm moves their usual height"""


def forgetting_factor(half_life: float) -> float:
    """Return the forgetting factor per event, for a half-life in events."""
    return float(0.5 ** (1.0 / half_life))


DEFAULT: Final = Anomaly(
    short=forgetting_factor(2.0),
    lasting=forgetting_factor(12.0),
    long=forgetting_factor(2000.0),
    hour=forgetting_factor(2000.0 / HOURS),
    fade=forgetting_factor(100.0),
    difference=forgetting_factor(6.0),
    recovery=forgetting_factor(3000.0),
    days=forgetting_factor(10.0),
    margin=1.25,
    prior=50.0,
    limit=30.0,
    floor=0.1,
    settled=100.0,
    outside=0.8,
    share=0.05,
    habituation=0.08,
)
"""Chosen on synthetic series and on the series of `benchmarks.nab`; decision 25 says what else was tried."""


def state_size(targets: int) -> int:
    """Return the length of the state of a stream, which is initially 0."""
    return TARGETS + targets * TARGET_SIZE


@inner
def anomaly_score(anomaly: Anomaly, state: Any, residuals: Any, y: Any, time: float, evidence: Any) -> float:
    """Return the score in [0, 1] of values y (D,) with one-step `residuals` (D,), and update `state` (state_size(D),).

    A target whose residual is NaN is ignored; if all are, the score is 0. `time` is the time of the event in seconds
    since the Unix epoch; if it is NaN, hours are not distinguished. `evidence` (D,) receives the evidence E of each
    target, NaN for those that are ignored.
    """
    lowest, all_unknown = 2.0, True
    for d in range(residuals.shape[0]):
        evidence[d] = math.nan
        if is_known(residuals[d]) and is_known(y[d]):
            all_unknown = False
            start = TARGETS + d * TARGET_SIZE
            target = state[start : start + TARGET_SIZE]
            error = _smaller_error(target[BOUNDS:], residuals[d], y[d])
            z = _error_z(anomaly, target, residuals[d], error, time)
            if math.isfinite(time):
                z = max(z, _daily_z(anomaly, target[DAILY:BOUNDS], y[d], time))
            outside = _outside(anomaly, target[BOUNDS:], y[d])
            p = min(math.erfc(z / math.sqrt(2.0)), MIN_TAIL**outside)  # 2 Q(z)
            evidence[d] = -math.log(min(max(p, MIN_EVIDENCE), 1.0))
            lowest = min(lowest, p)
    if all_unknown:
        return 0.0
    p = min(max(residuals.shape[0] * lowest, MIN_TAIL), 1.0)
    return _issued(anomaly, state, math.log10(p) / math.log10(MIN_TAIL))


@inner
def _issued(anomaly: Anomaly, state: Any, score: float) -> float:
    """Return the part of a score above the threshold and the usual height of alarms, and raise both."""
    threshold, usual = state[THRESHOLD], anomaly.recovery * state[USUAL_ALARM]
    state[THRESHOLD], state[USUAL_ALARM] = max(anomaly.fade * threshold, anomaly.margin * score), usual
    if score <= threshold or score <= usual:
        return 0.0
    left = (score - usual) / (1.0 - usual)
    state[USUAL_ALARM] = usual + anomaly.habituation * (score - usual)
    return left


@inner
def _smaller_error(bounds: Any, residual: float, y: float) -> float:
    """Return the size of the smaller residual of y: the given one, and that of the last value as the forecast."""
    size = abs(residual)
    return size if bounds[RANGE_COUNT] == 0.0 else min(size, abs(y - bounds[LAST]))


@inner
def _error_z(anomaly: Anomaly, state: Any, residual: float, error: float, time: float) -> float:
    """Add the residual of a target, and its smaller error, to its state (TARGET_SIZE,), and return the larger z."""
    sudden, lasting = state[SUDDEN:LASTING], state[LASTING:DAILY]
    a, limit = math.sqrt(error), _limit(anomaly, sudden[LONG : LONG + MOMENTS])
    if limit > 0.0:
        a = min(a, limit)
        residual = min(max(residual, -limit * limit), limit * limit)
    state[BIAS_WEIGHT] = anomaly.lasting * state[BIAS_WEIGHT] + 1.0
    state[BIAS_MEAN] += (residual - state[BIAS_MEAN]) / state[BIAS_WEIGHT]
    return max(
        _update_z(anomaly, sudden, a, time),
        _update_z(anomaly, lasting, math.sqrt(abs(state[BIAS_MEAN])), time),
    )


@inner
def _daily_z(anomaly: Anomaly, state: Any, y: float, time: float) -> float:
    """Add y to the usual values of the hours, and return z of the mean difference from them; -inf with few days."""
    values, z = state[VALUES : VALUES + MOMENTS], -math.inf
    reach = anomaly.limit * deviation_of(values)
    if values[0] > MIN_WEIGHT and reach > ROUNDING * abs(values[1]):
        y = min(max(y, values[1] - reach), values[1] + reach)
    update_moments(values, y, anomaly.long)
    start = USUAL + USUAL_SIZE * hour_of_day(time)
    hour = state[start : start + USUAL_SIZE]
    visit = time // HOUR_SECONDS
    if hour[VISIT] != visit:
        _end_visit(anomaly, hour)
        hour[VISIT] = visit
    hour[COUNT] += 1.0
    hour[MEAN] += (y - hour[MEAN]) / hour[COUNT]
    if hour[DAYS] < MIN_DAYS:
        return z
    state[DIFFERENCE_WEIGHT] = anomaly.difference * state[DIFFERENCE_WEIGHT] + 1.0
    state[DIFFERENCE_MEAN] += (y - hour[DAYS_MEAN] - state[DIFFERENCE_MEAN]) / state[DIFFERENCE_WEIGHT]
    square = state[DIFFERENCE_MEAN] ** 2
    if hour[JUDGED_DAYS] >= MIN_DAYS:
        days, floor = hour[JUDGED_DAYS], anomaly.floor * deviation_of(values) ** 2
        deviation = math.sqrt((days * hour[DAYS_SQUARE] + floor) / (days + 1.0))
        if deviation > ROUNDING * abs(values[1]):
            z = math.sqrt(square) / deviation
    hour[SQUARE] += (square - hour[SQUARE]) / hour[COUNT]
    return z


@inner
def _end_visit(anomaly: Anomaly, hour: Any) -> None:
    """Add the last visit of an hour, with state (USUAL_SIZE,), to the earlier ones."""
    if hour[COUNT] > 0.0:
        if hour[DAYS] >= MIN_DAYS:
            hour[JUDGED_DAYS] = anomaly.days * hour[JUDGED_DAYS] + 1.0
            hour[DAYS_SQUARE] += (hour[SQUARE] - hour[DAYS_SQUARE]) / hour[JUDGED_DAYS]
        hour[DAYS] = anomaly.days * hour[DAYS] + 1.0
        hour[DAYS_MEAN] += (hour[MEAN] - hour[DAYS_MEAN]) / hour[DAYS]
    hour[COUNT], hour[MEAN], hour[SQUARE] = 0.0, 0.0, 0.0


@inner
def _outside(anomaly: Anomaly, state: Any, y: float) -> float:
    """Widen the range (RANGE_SIZE,) to y, and return the score of y outside of it."""
    state[LAST] = y
    if state[RANGE_COUNT] == 0.0:
        state[LOW] = state[HIGH] = y
    low, high, score = state[LOW], state[HIGH], 0.0
    width, beyond = high - low, max(y - high, low - y)
    if width > ROUNDING * max(abs(low), abs(high)):
        if beyond > 0.0 and state[RANGE_COUNT] >= anomaly.settled:
            score = anomaly.outside * beyond / (beyond + anomaly.share * width)
        y = min(max(y, low - MAX_GROWTH * width), high + MAX_GROWTH * width)
    state[LOW], state[HIGH] = min(low, y), max(high, y)
    state[RANGE_COUNT] += 1.0
    return score


@inner
def hour_of_day(time: float) -> int:
    """Return the hour of the day, in UTC, of a finite time in seconds since the Unix epoch."""
    return min(int((time % DAY) / HOUR_SECONDS), HOURS - 1)  # -1e-20 % DAY is DAY


@inner
def _limit(anomaly: Anomaly, moments: Any) -> float:
    """Return the value to which a is clipped; 0 for none, with few events or without variation."""
    mean, deviation = moments[1], deviation_of(moments)
    has_limit = moments[0] > MIN_WEIGHT and deviation > ROUNDING * mean
    return mean + anomaly.limit * deviation if has_limit else 0.0


@inner
def _update_z(anomaly: Anomaly, state: Any, a: float, time: float) -> float:
    """Add a to the state of a z (Z_SIZE,), and return z; -inf with few events."""
    mean, deviation = state[LONG + 1], deviation_of(state[LONG : LONG + MOMENTS])
    has_enough = state[LONG] > MIN_WEIGHT
    state[SHORT_WEIGHT] = anomaly.short * state[SHORT_WEIGHT] + 1.0
    state[SHORT_MEAN] += (a - state[SHORT_MEAN]) / state[SHORT_WEIGHT]
    s = state[SHORT_MEAN]
    if math.isfinite(time):
        start = HOUR + MOMENTS * hour_of_day(time)
        hour = state[start : start + MOMENTS]
        hour_mean, hour_deviation = _pooled(anomaly.prior, state[LONG : LONG + MOMENTS], hour)
        mean, deviation = max(mean, hour_mean), max(deviation, hour_deviation)
        update_moments(hour, s, anomaly.hour)
    update_moments(state[LONG : LONG + MOMENTS], s, anomaly.long)
    if not has_enough:
        return -math.inf
    if deviation <= ROUNDING * mean:
        return math.inf if s > (1.0 + ROUNDING) * mean else -math.inf
    return (s - mean) / deviation


@inner
def update_moments(moments: Any, value: float, forgetting: float) -> None:
    """Add a value to moments (3,) by Welford's recurrence, as in `scaling`."""
    moments[0] = forgetting * moments[0] + 1.0
    new_mean = moments[1] + (value - moments[1]) / moments[0]
    moments[2] = forgetting * moments[2] + (value - moments[1]) * (value - new_mean)
    moments[1] = new_mean


@inner
def deviation_of(moments: Any) -> float:
    """Return the deviation of moments (3,)."""
    return math.sqrt(moments[2] / moments[0]) if moments[0] > 0.0 else 0.0


@inner
def _pooled(prior: float, stream: Any, hour: Any) -> tuple[float, float]:
    """Return mean and deviation of the values of an hour and `prior` values distributed as those of the stream."""
    weight = prior + hour[0]
    mean = (prior * stream[1] + hour[0] * hour[1]) / weight
    squares = hour[2] + hour[0] * (hour[1] - mean) ** 2 + prior * (stream[1] - mean) ** 2
    if stream[0] > 0.0:
        squares += prior * stream[2] / stream[0]
    return mean, math.sqrt(squares / weight)
