"""States of targets: normal, abnormal, stuck or missing, for as long as that lasts.

**Missing.** The target has no value, or the stream had none for more than `UNUSUAL` times its longest usual gap in
time; the latter is known at the event that ends the gap.

**Stuck.** The value has been the same for more than `UNUSUAL` times the longest usual run of equal values, and for at
least `MIN_RUN` values.

**Abnormal.** From an alarm of the target, see `alarm_rate`, until its evidence, now and in the mean of the last
values, is below t, and the mean of the last values is within `RETURNED` deviations of where the values were before
the alarm, shortly before or usually. What has lasted for `PATIENCE` events is the new normal.

Otherwise the target is normal. If several states apply to a target, it has the first of them; a stream has the first
state that any of its targets has. The longest usual run, and likewise the longest usual gap, is learned from the past,
and forgotten with a half-life of `RUN_MEMORY` events. An unusual one counts as the shortest unusual one, so that it
becomes usual when it recurs.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.alarm_rate import (
    COUNT,
    SETTLED,
    TAIL_SIZE,
    AlarmRate,
    excess_of,
    moved_factor,
    update_tail,
)
from stream_rnn.learning.anomaly import DEFAULT, MOMENTS, deviation_of, forgetting_factor, update_moments
from stream_rnn.learning.scaling import is_known

STATES: Final = ("normal", "abnormal", "stuck", "missing")
"""Names of the states; of several, the last counts."""
NORMAL, ABNORMAL, STUCK, MISSING = range(4)

RUNS, LONGEST, RUNS_SIZE = range(3)
"""Of runs, or of gaps in time: number, and the longest usual one."""
ALARM, LOG_FACTOR, TIMES, TIME, GAPS = range(5)
"""Of a stream: 1 if the newest event raised an alarm; log c of `alarm_rate`; number of known times that were later than
those before, and the last of them; its gaps."""
TARGETS = GAPS + RUNS_SIZE
STATE, EVENTS, LAST, RUN, OWN_RUNS = range(5)
"""Of a target: its state; number of events that it has been abnormal, 0 if it is not; its last value, and for how many
values it has been the same; its runs. Its moments before the alarm, over a long and a short time, weight and
mean of its last values, the mean of their x, and its tail follow."""
USUAL = OWN_RUNS + RUNS_SIZE
LATELY = USUAL + MOMENTS
RECENT_WEIGHT = LATELY + MOMENTS
RECENT = RECENT_WEIGHT + 1
UNREST = RECENT + 1
TAIL = UNREST + 1
TARGET_SIZE = TAIL + TAIL_SIZE

UNUSUAL: Final = 3.0
MIN_RUN: Final = 10.0
MIN_RUNS: Final = 10.0
"""Runs, or gaps, before which none is unusual."""
RETURNED: Final = 2.0
CALMING: Final = 1.0 - forgetting_factor(6.0)
PATIENCE: Final = 1000.0
RUN_MEMORY: Final = 20_000.0
RUN_FORGETTING: Final = forgetting_factor(RUN_MEMORY)


def state_size(targets: int) -> int:
    """Return the length of the state of a stream, which is initially 0."""
    return TARGETS + targets * TARGET_SIZE


@inner
def update_states(alarm: AlarmRate, state: Any, evidence: Any, y: Any, time: float) -> int:
    """Update the states of a stream's targets by an event, and return that of the stream.

    Parameters
    ----------
    alarm
        The constants of alarms.
    state
        (state_size(D),) of the stream.
    evidence
        (D,) of the values, as `anomaly.anomaly_score` writes it; NaN where there is none.
    y
        (D,) values.
    time
        Seconds since the Unix epoch, NaN if unknown.
    """
    is_late, limit = _is_late(state, time), math.exp(state[LOG_FACTOR]) * alarm.limit
    is_alarm, is_settled, worst = False, False, NORMAL
    for d in range(y.shape[0]):
        start = TARGETS + d * TARGET_SIZE
        target = state[start : start + TARGET_SIZE]
        if is_known(y[d]):
            _update_run(target, y[d])
        if not math.isnan(evidence[d]):
            tail = target[TAIL:]
            x = excess_of(alarm, tail, evidence[d])
            is_settled |= tail[COUNT] >= SETTLED
            target[UNREST] += CALMING * (min(max(x, -alarm.limit), alarm.limit) - target[UNREST])
            if target[EVENTS] > 0.0:
                _continue_anomaly(target, x, y[d])
            else:
                if tail[COUNT] >= SETTLED and x > limit:
                    is_alarm = True
                    target[EVENTS] = 1.0
                update_tail(alarm, tail, x)
        if is_known(y[d]):
            _update_usual(target, y[d])
        target[STATE] = _state_of(target, y[d], is_late)
        worst = max(worst, int(target[STATE]))
    state[ALARM] = 1.0 if is_alarm else 0.0
    if is_settled:
        state[LOG_FACTOR] = moved_factor(alarm, state[LOG_FACTOR], is_alarm)
    return worst


@inner
def state_of_target(state: Any, d: int) -> int:
    """Return the state of target d at the newest event."""
    return int(state[TARGETS + d * TARGET_SIZE + STATE])


@inner
def _state_of(target: Any, y: float, is_late: bool) -> int:
    if is_late or not is_known(y):
        return MISSING
    if _is_stuck(target):
        return STUCK
    return ABNORMAL if target[EVENTS] > 0.0 else NORMAL


@inner
def _continue_anomaly(target: Any, x: float, y: float) -> None:
    """Count an event of an abnormal target, unless it is normal again."""
    usual = target[USUAL : USUAL + MOMENTS]
    recent = _recent_mean(target, y)
    distance = min(abs(recent - usual[1]), abs(recent - target[LATELY + 1]))
    if max(x, target[UNREST]) <= 0.0 and distance <= RETURNED * deviation_of(usual):
        target[EVENTS] = 0.0
    elif target[EVENTS] >= PATIENCE:
        target[EVENTS] = 0.0
        target[USUAL : USUAL + 2 * MOMENTS] = 0.0
    else:
        target[EVENTS] += 1.0


@inner
def _recent_mean(target: Any, y: float) -> float:
    """Return the mean of the last values with y."""
    return target[RECENT] + (y - target[RECENT]) / (DEFAULT.short * target[RECENT_WEIGHT] + 1.0)


@inner
def _update_usual(target: Any, y: float) -> None:
    """Add a value to the mean of the last values and, if it is normal, to those before the next alarm."""
    target[RECENT] = _recent_mean(target, y)
    target[RECENT_WEIGHT] = DEFAULT.short * target[RECENT_WEIGHT] + 1.0
    if target[EVENTS] == 0.0:
        update_moments(target[USUAL : USUAL + MOMENTS], y, DEFAULT.long)
        update_moments(target[LATELY : LATELY + MOMENTS], y, DEFAULT.lasting)


@inner
def _update_run(target: Any, y: float) -> None:
    """Continue the run of a value, or end it and begin another."""
    if target[RUN] > 0.0 and y == target[LAST]:
        target[RUN] += 1.0
    else:
        if target[RUN] > 0.0:
            _end_run(target[OWN_RUNS : OWN_RUNS + RUNS_SIZE], target[RUN], MIN_RUN)
        target[LAST], target[RUN] = y, 1.0
    target[OWN_RUNS + LONGEST] *= RUN_FORGETTING


@inner
def _is_stuck(target: Any) -> bool:
    return bool(
        target[OWN_RUNS + RUNS] >= MIN_RUNS and target[RUN] >= _shortest_unusual(target[OWN_RUNS + LONGEST], MIN_RUN)
    )


@inner
def _is_late(state: Any, time: float) -> bool:
    """Return whether the gap before an event at this time is unusual, and add it to the gaps."""
    if not is_known(time) or (state[TIMES] > 0.0 and time <= state[TIME]):
        return False
    gap, gaps = time - state[TIME], state[GAPS : GAPS + RUNS_SIZE]
    state[TIMES], state[TIME] = state[TIMES] + 1.0, time
    if state[TIMES] == 1.0:
        return False
    is_late = gaps[RUNS] >= MIN_RUNS and gap > _shortest_unusual(gaps[LONGEST], 0.0)
    gaps[LONGEST] *= RUN_FORGETTING
    _end_run(gaps, gap, 0.0)
    return bool(is_late)


@inner
def _end_run(runs: Any, length: float, least: float) -> None:
    """Add a run, or a gap, that has ended to the statistics of runs or gaps."""
    runs[RUNS] += 1.0
    if runs[RUNS] > MIN_RUNS:
        length = min(length, _shortest_unusual(runs[LONGEST], least))
    runs[LONGEST] = max(runs[LONGEST], length)


@inner
def _shortest_unusual(longest: float, least: float) -> float:
    return max(UNUSUAL * longest, least)
