"""How surprising an event is: the tail probability of the forecast's residual, on a log scale.

After the anomaly likelihood of Lavin & Ahmad (2015, arXiv:1510.03336) and Ahmad et al. (2017,
doi:10.1016/j.neucom.2017.04.070), who hold a short mean of errors against the errors' long mean and spread. Of a
target's one-step residual r, with Q the normal upper tail:

    a = sqrt(|r|)                          near normal even where residuals have heavy tails
    s <- mean of a over the last events    exponentially weighted, as all means here
    z = (s - m) / d                        m, d: mean and deviation that s has had over the long run
    score = log10(2 D Q(z)) / log10(1e-10) within [0, 1]; the largest z of D targets

Each target has two z: of its residuals, which sees what is sudden or restless, and of their mean over a longer time,
which sees forecasts that keep missing to one side.

Two things keep false alarms from piling up. Where a stream is known to be restless at this hour of the day (shops
open, a shift begins), m and d are the hour's, if larger than the stream's; an hour begins with the stream's moments, as
`prior` events of its own. And a score counts as the beginning of something: it raises a bar to `margin` times itself,
which fades, and what does not reach above the bar scores 0. An anomaly gives one alarm, not one for each of its events.

All is in units of the stream's own residuals, so a change of units changes nothing. A glitch counts as `limit`
deviations, so that it does not blind the stream.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import known

HOURS, DAY = 24, 86_400.0
MOMENTS = 3
"""Weight, mean and sum of squared deviations, as in `scaling`."""

BAR = 0
SHORT_WEIGHT, SHORT_MEAN, LONG = 0, 1, 2
HOUR = LONG + MOMENTS
WIDTH = HOUR + HOURS * MOMENTS
"""Numbers of one z."""
BIAS_WEIGHT, BIAS_MEAN, SUDDEN = 0, 1, 2
LASTING = SUDDEN + WIDTH
TARGET = LASTING + WIDTH
"""Numbers of one target; the bar, which all share, stands before the first."""

SETTLED = 20.0
"""Nothing is surprising before so many events: there is no telling yet."""
LEAST = 1e-10
"""The tail probability that scores 1."""
ROUNDING = 1e-6
"""A deviation this small beside the mean is no variation."""


class Anomaly(NamedTuple):
    """The constants of the score; of each memory, what an event leaves of it."""

    short: float
    lasting: float
    """Of the mean residual."""
    long: float
    hour: float
    fade: float
    """What an event leaves of the bar."""
    margin: float
    prior: float
    limit: float


def keep(half_life: float) -> float:
    """Return what each event leaves of a memory that is halved in so many events."""
    return float(0.5 ** (1.0 / half_life))


DEFAULT: Final = Anomaly(
    short=keep(1.5),
    lasting=keep(12.0),
    long=keep(2000.0),
    hour=keep(2000.0 / HOURS),
    fade=keep(100.0),
    margin=1.25,
    prior=50.0,
    limit=30.0,
)
"""Chosen on synthetic series and on the real ones of `benchmarks.nab`, where the score is flat about it."""


def rows(targets: int) -> int:
    """Return how many float64 numbers of state a stream needs, all 0 in the beginning."""
    return 1 + targets * TARGET


@inner
def surprise(anomaly: Anomaly, state: Any, residuals: Any, time: float) -> float:
    """Return the score, within [0, 1], of an event with the one-step `residuals` (D,), and learn from it.

    `state` (rows(D),) is the stream's. A residual that is NaN is not known and changes nothing; without any, the score
    is 0. `time` is the event's, in seconds since the Unix epoch; without it (NaN) no hour is told from another.
    """
    z, unknown = -math.inf, True
    for d in range(residuals.shape[0]):
        if known(residuals[d]):
            unknown = False
            first = 1 + d * TARGET
            z = max(z, _target(anomaly, state[first : first + TARGET], residuals[d], time))
    if unknown:
        return 0.0
    p = residuals.shape[0] * math.erfc(z / math.sqrt(2.0))  # Q is half of it, but there are two z
    p = min(max(p, LEAST), 1.0)
    score, bar = math.log10(p) / math.log10(LEAST), state[BAR]
    state[BAR] = max(anomaly.fade * bar, anomaly.margin * score)
    return score if score > bar else 0.0


@inner
def _target(anomaly: Anomaly, own: Any, residual: float, time: float) -> float:
    """Take one target's residual into its state (TARGET,) and return the larger z."""
    sudden, lasting = own[SUDDEN:LASTING], own[LASTING:]
    a, reach = math.sqrt(abs(residual)), _reach(anomaly, sudden[LONG : LONG + MOMENTS])
    if reach > 0.0 and a > reach:
        a = reach
        residual = math.copysign(a * a, residual)
    own[BIAS_WEIGHT] = anomaly.lasting * own[BIAS_WEIGHT] + 1.0
    own[BIAS_MEAN] += (residual - own[BIAS_MEAN]) / own[BIAS_WEIGHT]
    return max(
        _excess(anomaly, sudden, a, time),
        _excess(anomaly, lasting, math.sqrt(abs(own[BIAS_MEAN])), time),
    )


@inner
def _reach(anomaly: Anomaly, moments: Any) -> float:
    """Return what a counts as at most, 0 while there is no telling."""
    mean, deviation = moments[1], _deviation(moments)
    settled = moments[0] > SETTLED and deviation > ROUNDING * mean
    return mean + anomaly.limit * deviation if settled else 0.0


@inner
def _excess(anomaly: Anomaly, own: Any, a: float, time: float) -> float:
    """Take an a into the state (WIDTH,) of its z and return z, -inf while nothing can be said."""
    mean, deviation = own[LONG + 1], _deviation(own[LONG : LONG + MOMENTS])
    settled = own[LONG] > SETTLED
    own[SHORT_WEIGHT] = anomaly.short * own[SHORT_WEIGHT] + 1.0
    own[SHORT_MEAN] += (a - own[SHORT_MEAN]) / own[SHORT_WEIGHT]
    s = own[SHORT_MEAN]
    if math.isfinite(time):
        place = HOUR + MOMENTS * min(int((time % DAY) / DAY * HOURS), HOURS - 1)  # -1e-20 % DAY is DAY
        hour = own[place : place + MOMENTS]
        hour_mean, hour_deviation = _pooled(anomaly.prior, own[LONG : LONG + MOMENTS], hour)
        mean, deviation = max(mean, hour_mean), max(deviation, hour_deviation)
        _observe(hour, s, anomaly.hour)
    _observe(own[LONG : LONG + MOMENTS], s, anomaly.long)
    if not settled:
        return -math.inf
    if deviation <= ROUNDING * mean:
        return math.inf if s > (1.0 + ROUNDING) * mean else -math.inf
    return (s - mean) / deviation


@inner
def _observe(moments: Any, value: float, forgetting: float) -> None:
    """Take a value into moments (3,) by Welford's recurrence (see `scaling`)."""
    moments[0] = forgetting * moments[0] + 1.0
    moved = moments[1] + (value - moments[1]) / moments[0]
    moments[2] = forgetting * moments[2] + (value - moments[1]) * (value - moved)
    moments[1] = moved


@inner
def _deviation(moments: Any) -> float:
    return math.sqrt(moments[2] / moments[0]) if moments[0] > 0.0 else 0.0


@inner
def _pooled(prior: float, stream: Any, hour: Any) -> tuple[float, float]:
    """Return the mean and deviation of an hour's values and `prior` more that are distributed as the stream's."""
    weight = prior + hour[0]
    mean = (prior * stream[1] + hour[0] * hour[1]) / weight
    squares = hour[2] + hour[0] * (hour[1] - mean) ** 2 + prior * (stream[1] - mean) ** 2
    if stream[0] > 0.0:
        squares += prior * stream[2] / stream[0]
    return mean, math.sqrt(squares / weight)
