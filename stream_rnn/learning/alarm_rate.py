"""Alarms of anomalies at a stated rate, calibrated by the stream's own evidence.

How large the evidence of a usual event is depends on the stream, so that no threshold suits all. For the evidence E of
a target, see `anomaly`, the largest values are described by an exponential tail (peaks over threshold; Siffer et al.
2017, doi:10.1145/3097983.3098144):

    P(E > t + b x) = share e^-x        for x >= 0

t is moved by each E so that `share` of them are above it (Robbins & Monro 1951, doi:10.1214/aoms/1177729586), and b is
the mean of E - t above it. Both are means over about `MEMORY` events, and initially those of evidence that is already
calibrated. The largest x of D targets raises an alarm if it is above c ln(D share / rate), where c corrects for
whatever the tail does not describe, such as targets that err together. After each event, c moves by whether there was
an alarm (quantile tracking, as in `conformal`; Angelopoulos, Candes & Tibshirani 2023, arXiv:2307.16895):

    log c <- log c + step ([alarm] - rate)

Over T events, the share of alarms differs from `rate` by (log c_T - log c_0) / (step T), whatever the stream does, as
long as c stays within its bounds. An anomaly raises one alarm, and while its target is abnormal, see `target_states`,
nothing is learned from its evidence.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stream_rnn.kernels.jit import inner

COUNT, LEVEL, EXCESSES, EXCESS, TAIL_SIZE = range(5)
"""Of the tail of a target: number of values E; t; number of values above it; b. All are 0 before the first one."""

SETTLED: Final = 100.0
"""Values E before which there are no alarms."""
MEMORY: Final = 3000.0
PRIOR: Final = 100.0
"""Values E that the initial tail counts as."""
REMEMBERED: Final = 1 / 3
"""Share of all values E that t and b are about until these are `MEMORY`: the first ones are those of a network that has
not learned yet."""
STEP: Final = 0.15
MIN_FACTOR, MAX_FACTOR = 0.1, 30.0
"""Bounds of c, so that it recovers from long periods with constant values or many anomalies."""


class AlarmRate(NamedTuple):
    """The constants of alarms; built by `alarm_constants`."""

    rate: float
    """alarms per event"""
    share: float
    """share of the values E that are above t"""
    limit: float
    """x above which there is an alarm, for c = 1"""


def alarm_constants(rate: float, targets: int) -> AlarmRate:
    """Return the constants of alarms at a rate per event of a stream with so many targets.

    Examples
    --------
    >>> round(alarm_constants(0.001, 1).limit, 3)
    2.996
    """
    share = max(5.0 * rate, 0.02)
    return AlarmRate(rate, share, math.log(targets * share / rate))


@inner
def excess_of(alarm: AlarmRate, tail: Any, evidence: float) -> float:
    """Return x of a target's evidence; negative below t."""
    if tail[COUNT] == 0.0:
        tail[LEVEL], tail[EXCESS] = -math.log(alarm.share), 1.0
    return (evidence - tail[LEVEL]) / tail[EXCESS]


@inner
def update_tail(alarm: AlarmRate, tail: Any, x: float) -> None:
    """Add a value E, given by its x, to the tail of a target; beyond the limit it counts as the limit."""
    tail[COUNT] += 1.0
    b, gain = tail[EXCESS], 1.0 / (alarm.share * min(PRIOR + REMEMBERED * tail[COUNT], MEMORY))
    tail[LEVEL] += gain * b * ((x > 0.0) - alarm.share)
    tail[LEVEL] = max(tail[LEVEL], 0.0)
    if x > 0.0:
        tail[EXCESSES] += 1.0
        weight = min(alarm.share * PRIOR + REMEMBERED * tail[EXCESSES], alarm.share * MEMORY)
        tail[EXCESS] += b * (min(x, alarm.limit) - 1.0) / weight


@inner
def moved_factor(alarm: AlarmRate, log_factor: float, is_alarm: bool) -> float:
    """Return log c after an event with or without an alarm."""
    log_factor += STEP * (is_alarm - alarm.rate)
    return min(max(log_factor, math.log(MIN_FACTOR)), math.log(MAX_FACTOR))
