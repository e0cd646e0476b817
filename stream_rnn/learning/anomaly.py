"""Anomaly score of an event: the tail probability of the forecast's residual, on a log scale.

It follows the anomaly likelihood of Lavin & Ahmad (2015, arXiv:1510.03336) and Ahmad et al. (2017,
doi:10.1016/j.neucom.2017.04.070), which compares the short-term mean of the errors with their long-term distribution.
For the one-step residual r of a target, with Q the upper tail of the normal distribution:

    a = sqrt(|r|)                             close to normal even for residuals with heavy tails
    s = mean of a over the last events        exponentially weighted, as are all means here
    z = (s - m) / d                           m and d: long-term mean and deviation of s
    score = log10(2 D Q(z)) / log10(1e-10)    clipped to [0, 1], for the largest z of D targets

Each target has two z: one of its residuals, which detects sudden changes and unrest, and one of their mean over a
longer time, which detects forecasts that are biased for a while.

Two rules limit false alarms. First, m and d are those of the hour of the day if these are larger, because a stream may
always be volatile at some hour, such as the opening of a shop; the moments of an hour start as `prior` events with the
moments of the stream. Second, each score sets a threshold of `margin` times itself, which decays, and lower scores
become 0. An anomaly then raises one alarm, not one for each of its events.

Scores do not depend on the units of the target. Residuals are clipped to `limit` deviations, so that a glitch does not
hide later anomalies.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import is_known

HOURS, DAY = 24, 86_400.0
MOMENTS = 3
"""Length of moments: weight, mean and sum of squared deviations, as in `scaling`."""

THRESHOLD = 0
"""Index of the threshold in the state; the states of the targets follow."""
SHORT_WEIGHT, SHORT_MEAN, LONG = 0, 1, 2
HOUR = LONG + MOMENTS
Z_SIZE = HOUR + HOURS * MOMENTS
"""Length of the state of one z."""
BIAS_WEIGHT, BIAS_MEAN, SUDDEN = 0, 1, 2
LASTING = SUDDEN + Z_SIZE
TARGET_SIZE = LASTING + Z_SIZE
"""Length of the state of one target."""

MIN_WEIGHT = 20.0
"""Weight of the long-term moments from which there are scores."""
MIN_TAIL = 1e-10
"""Tail probability with score 1."""
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
    margin: float
    """threshold in units of the score that set it"""
    prior: float
    """events that the initial moments of an hour count as"""
    limit: float
    """deviations to which residuals are clipped"""


def forgetting_factor(half_life: float) -> float:
    """Return the forgetting factor per event, for a half-life in events."""
    return float(0.5 ** (1.0 / half_life))


DEFAULT: Final = Anomaly(
    short=forgetting_factor(1.5),
    lasting=forgetting_factor(12.0),
    long=forgetting_factor(2000.0),
    hour=forgetting_factor(2000.0 / HOURS),
    fade=forgetting_factor(100.0),
    margin=1.25,
    prior=50.0,
    limit=30.0,
)
"""Chosen on synthetic series and on the series of `benchmarks.nab`, whose result changes little around them."""


def state_size(targets: int) -> int:
    """Return the length of the state of a stream, which is initially 0."""
    return 1 + targets * TARGET_SIZE


@inner
def anomaly_score(anomaly: Anomaly, state: Any, residuals: Any, time: float) -> float:
    """Return the score in [0, 1] of an event with one-step `residuals` (D,), and update `state` (state_size(D),).

    A residual that is NaN is ignored; if all are, the score is 0. `time` is the time of the event in seconds since the
    Unix epoch; if it is NaN, hours are not distinguished.
    """
    z, all_unknown = -math.inf, True
    for d in range(residuals.shape[0]):
        if is_known(residuals[d]):
            all_unknown = False
            start = 1 + d * TARGET_SIZE
            z = max(z, _target_z(anomaly, state[start : start + TARGET_SIZE], residuals[d], time))
    if all_unknown:
        return 0.0
    p = residuals.shape[0] * math.erfc(z / math.sqrt(2.0))  # 2 D Q(z)
    p = min(max(p, MIN_TAIL), 1.0)
    score, threshold = math.log10(p) / math.log10(MIN_TAIL), state[THRESHOLD]
    state[THRESHOLD] = max(anomaly.fade * threshold, anomaly.margin * score)
    return score if score > threshold else 0.0


@inner
def _target_z(anomaly: Anomaly, state: Any, residual: float, time: float) -> float:
    """Add the residual of a target to its state (TARGET_SIZE,), and return the larger z."""
    sudden, lasting = state[SUDDEN:LASTING], state[LASTING:]
    a, limit = math.sqrt(abs(residual)), _limit(anomaly, sudden[LONG : LONG + MOMENTS])
    if limit > 0.0 and a > limit:
        a = limit
        residual = math.copysign(a * a, residual)
    state[BIAS_WEIGHT] = anomaly.lasting * state[BIAS_WEIGHT] + 1.0
    state[BIAS_MEAN] += (residual - state[BIAS_MEAN]) / state[BIAS_WEIGHT]
    return max(
        _update_z(anomaly, sudden, a, time),
        _update_z(anomaly, lasting, math.sqrt(abs(state[BIAS_MEAN])), time),
    )


@inner
def _limit(anomaly: Anomaly, moments: Any) -> float:
    """Return the value to which a is clipped; 0 for none, with few events or without variation."""
    mean, deviation = moments[1], _deviation(moments)
    has_limit = moments[0] > MIN_WEIGHT and deviation > ROUNDING * mean
    return mean + anomaly.limit * deviation if has_limit else 0.0


@inner
def _update_z(anomaly: Anomaly, state: Any, a: float, time: float) -> float:
    """Add a to the state of a z (Z_SIZE,), and return z; -inf with few events."""
    mean, deviation = state[LONG + 1], _deviation(state[LONG : LONG + MOMENTS])
    has_enough = state[LONG] > MIN_WEIGHT
    state[SHORT_WEIGHT] = anomaly.short * state[SHORT_WEIGHT] + 1.0
    state[SHORT_MEAN] += (a - state[SHORT_MEAN]) / state[SHORT_WEIGHT]
    s = state[SHORT_MEAN]
    if math.isfinite(time):
        start = HOUR + MOMENTS * min(int((time % DAY) / DAY * HOURS), HOURS - 1)  # -1e-20 % DAY is DAY
        hour = state[start : start + MOMENTS]
        hour_mean, hour_deviation = _pooled(anomaly.prior, state[LONG : LONG + MOMENTS], hour)
        mean, deviation = max(mean, hour_mean), max(deviation, hour_deviation)
        _update_moments(hour, s, anomaly.hour)
    _update_moments(state[LONG : LONG + MOMENTS], s, anomaly.long)
    if not has_enough:
        return -math.inf
    if deviation <= ROUNDING * mean:
        return math.inf if s > (1.0 + ROUNDING) * mean else -math.inf
    return (s - mean) / deviation


@inner
def _update_moments(moments: Any, value: float, forgetting: float) -> None:
    """Add a value to moments (3,) by Welford's recurrence, as in `scaling`."""
    moments[0] = forgetting * moments[0] + 1.0
    new_mean = moments[1] + (value - moments[1]) / moments[0]
    moments[2] = forgetting * moments[2] + (value - moments[1]) * (value - new_mean)
    moments[1] = new_mean


@inner
def _deviation(moments: Any) -> float:
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
