"""The per-event path, compiled: reveal, learn, scale, advance, forecast.

For each event, in arrival order:

1. A gap in time ends the stream's sequence.
2. Forecast tasks: the event's values are the targets of the forecasts made 1..H events ago. Their errors are injected
   and learned from.
3. The network's input is built from the event's values, its time and the past; the hidden state fades by the time that
   has passed, and advances.
4. The outputs become a forecast in the target's units.
5. Label tasks: the event's own target is learned from, after its forecast was made.
6. The end-of-sequence flag ends the sequence.

With lookahead L, the network processes an event (advance and steps 4 and 5) once L more have arrived, or when the
sequence ends, without those that do not follow. The forecast issued at an event then refers to the L-th event before.

Nothing here depends on how the events are cut into batches.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.compiled.core import Counts, Lookahead, TaskShape
from stream_rnn.compiled.forecast import Known, forecast_event, pick_class
from stream_rnn.compiled.state import SEQUENCE, STREAM_ARRAYS, Clock
from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import entry, inner, rare
from stream_rnn.kernels.linalg import multiply
from stream_rnn.kernels.prefetch import prefetch
from stream_rnn.kernels.structure import Structure
from stream_rnn.kernels.unrolled import unrolled
from stream_rnn.layers.network import BodyAndHead
from stream_rnn.learning.anomaly import Anomaly, anomaly_score, hour_of_day
from stream_rnn.learning.bounds import within
from stream_rnn.learning.compact import restore, row_to_write, store
from stream_rnn.learning.conformal import Conformal, predict_interval, scale_of_residuals, update_calibration
from stream_rnn.learning.failure import FAILING, squared_error, update_failure
from stream_rnn.learning.hourly_scale import hourly_factor, update_hour
from stream_rnn.learning.inputs import PastInputs, encode_event, record_event
from stream_rnn.learning.readout import read_target
from stream_rnn.learning.rls import reset_inverse
from stream_rnn.learning.scaling import MAX_VALUE, is_known
from stream_rnn.learning.target_states import ABNORMAL, ALARM, NORMAL, state_of_target, update_states
from stream_rnn.learning.targets import (
    TargetScales,
    base_after,
    encode_target,
    has_basis,
    is_usable,
    record_change,
    record_value,
    scale_of,
)
from stream_rnn.learning.tbptt import Outcome, Progress, RecentEvents, Weights, update_weights
from stream_rnn.losses.loss import distance, loss_gradient, scale_gradient

N_EVENTS = Counts._fields.index("events")
N_UPDATES = Counts._fields.index("updates")
N_SKIPPED = Counts._fields.index("skipped")
N_RESETS = Counts._fields.index("resets")
N_OVERFLOWS = Counts._fields.index("overflows")
N_MISSING_INPUTS = Counts._fields.index("missing_inputs")
N_MISSING_TARGETS = Counts._fields.index("missing_targets")
N_JUDGED = Counts._fields.index("judged")
N_COVERED = Counts._fields.index("covered")
N_ALARMS = Counts._fields.index("alarms")
N_ANOMALY_ALARMS = Counts._fields.index("anomaly_alarms")
N_ABNORMAL = Counts._fields.index("abnormal")


class RowOp(IntEnum):
    """Operations that a row of a batch requests. Values are added up; operations are executed in this order."""

    RESET_SLOT = 1
    """reset the slot to that of a stream that was never seen"""
    STEP = 2
    """process an event"""
    LABEL_PENDING = 4
    """label the oldest event that waits for its lookahead, without the events that do not follow"""
    END_SEQUENCE = 8
    """end the slot's sequence: label all pending events, learn from pending errors, zero the state, empty the window"""
    FREEZE = 16
    """do all of this without learning: no weight changes"""


class EventBuffers(NamedTuple):
    """N events in arrival order."""

    slots: Any
    """(N,) int64"""
    ops: Any
    """(N,) uint8, sums of `RowOp`"""
    x: Any
    """(N, I) float64"""
    y: Any
    """(N, D) float64"""
    times: Any
    """(N,) float64, NaN where unknown"""
    weights: Any
    """(N,) float64, factors of the losses of the targets; (0,) if all are 1"""


class OutputBuffers(NamedTuple):
    """Results of N events."""

    forecasts: Any
    """(N, numbers of a forecast) float64, NaN where the lookahead is not complete"""
    intervals: Any
    """(N, C, 2) float64, low and high of each forecast number; C = 0 without intervals"""
    scores: Any
    """(N,) float64, anomaly scores, NaN where there was no forecast of the event; (0,) without scores"""
    anomaly_alarms: Any
    """(N,) bool, whether the event raised an alarm of an anomaly; (0,) without scores"""
    states: Any
    """(N, D) int8, states of the targets, as `learning.target_states`; D = 0 without scores"""
    alarms: Any
    """(N,) int8, 1 where the stream begins to fail, -1 where it recovers, else 0; (0,) for labels"""
    begins: Any
    """(N,) bool, whether the event began a sequence"""


_prefetch_stream = rare(
    unrolled(
        "prefetch_stream(core, slot)",
        [f"prefetch(core.{name}[slot])" for name, array in STREAM_ARRAYS.items() if array.prefetch],
        {"prefetch": prefetch},
    )
)
"""Begin to fetch the stream of the next event: with many streams, an event would wait for memory."""

_reset_arrays = rare(
    unrolled(
        "reset_arrays(core, slot)",
        [
            f"core.{name}[slot] = {'nan' if math.isnan(array.blank) else int(array.blank)}"
            for name, array in STREAM_ARRAYS.items()
            if array.reset
        ],
        {"nan": math.nan},
    )
)
"""Fill a new stream's rows with their blank values."""


class Batch(Structure):
    """N events, and memory for their results."""

    __slots__ = ()

    def __init__(self, events: EventBuffers, outputs: OutputBuffers) -> None:
        super().__init__(events=events, outputs=outputs)


@entry
def process(core: Any, batch: Any) -> None:
    """Process the events of a `Batch`; write their results."""
    events, outputs = batch.events, batch.outputs
    out = outputs.forecasts
    for i in range(events.slots.shape[0]):
        slot, op = events.slots[i], events.ops[i]
        upcoming = events.slots[min(i + 1, events.slots.shape[0] - 1)]
        core.work.upcoming[0] = upcoming
        _set_weight(core.work, events.weights, i, op & RowOp.FREEZE)
        if upcoming != slot:
            _prefetch_stream(core, upcoming)
        if op & RowOp.RESET_SLOT:
            _reset_slot(core, slot)
        if op & RowOp.STEP:
            failed = is_failing(core, slot)
            outputs.begins[i] = _step(core, slot, events.x[i], events.y[i], events.times[i], out[i])
            if outputs.alarms.shape[0] > 0:
                outputs.alarms[i] = is_failing(core, slot) - failed
            if outputs.intervals.shape[1] > 0:
                outputs.intervals[i] = core.interval[slot]
            if outputs.scores.shape[0] > 0:
                _write_anomaly(core, slot, outputs, i)
        if op & RowOp.LABEL_PENDING:
            _label_oldest(core.lookahead, core, slot)
            out[i] = core.forecast[slot]
        if op & RowOp.END_SEQUENCE:
            _end_sequence(core, slot)


@inner
def _set_weight(work: Any, weights: Any, i: int, frozen: int) -> None:
    """Write how much is learned from row i to scratch."""
    work.frozen[0] = frozen
    if frozen:
        work.weight[0] = 0.0
    else:
        work.weight[0] = weights[i] if weights.shape[0] > 0 else 1.0


@inner
def _write_anomaly(core: Any, slot: int, outputs: Any, i: int) -> None:
    """Write the score, the alarm and the states of the newest event of a stream to row i."""
    outputs.scores[i] = core.score[slot]
    outputs.anomaly_alarms[i] = core.watched[slot, ALARM] > 0.0
    for d in range(core.task.targets):
        outputs.states[i, d] = state_of_target(core.watched[slot], d)


@inner
def _weight_rows(core: Any, slot: int) -> BodyAndHead:
    """Return the rows of a stream's weights: its own, or the one that all share."""
    body, head = core.initial
    return BodyAndHead(slot if body.shape[0] > 0 else 0, slot if head.shape[0] > 0 else 0)


@inner
def params_of(core: Any, slot: int) -> BodyAndHead:
    """Return a stream's weights only: a forecast does not wait for what learning needs."""
    body, head = _weight_rows(core, slot)
    return BodyAndHead(core.weights.params.body[body], core.weights.params.head[head])


@inner
def _weights(core: Any, slot: int) -> Weights:
    moments, updates = core.weights.moments, core.weights.updates
    body, head = _weight_rows(core, slot)
    return Weights(
        params_of(core, slot),
        BodyAndHead(moments.body[body], moments.head[head]),
        BodyAndHead(updates.body[body], updates.head[head]),
        core.weights.inverse[head],
        core.weights.challenger[head],
        core.weights.group,
    )


@rare
def _reset_slot(core: Any, slot: int) -> None:
    """Reset the slot to that of a stream that was never seen."""
    _reset_arrays(core, slot)
    own = _weights(core, slot)
    if core.initial.body.shape[0] > 0:
        own.params.body[:] = core.initial.body[0]
        own.moments.body[:] = 0
        own.updates.body[:] = 0
    if core.initial.head.shape[0] > 0:
        own.params.head[:] = core.initial.head[0]
        own.moments.head[:] = 0
        own.updates.head[:] = 0
        reset_inverse(core.learning.rls, own.inverse)
        own.challenger[:] = 0
    else:
        core.clock[slot, Clock.TURN] = core.counts[N_EVENTS]


@rare
def _end_sequence(core: Any, slot: int) -> None:
    while core.clock[slot, Clock.PENDING] > 0:
        _label_oldest(core.lookahead, core, slot)
    if core.clock[slot, Clock.LENGTH] > 0:
        if not core.work.frozen[0]:
            _update(core, slot)
        core.counts[N_RESETS] += 1
    _start_sequence(core, slot)


@rare
def _start_sequence(core: Any, slot: int) -> None:
    """Start a new sequence, which events that wait for their lookahead belong to."""
    core.state[slot] = 0
    core.errors[slot] = 0
    core.last_y[slot] = math.nan
    core.newest_y[slot] = math.nan
    core.known_y[slot] = math.nan
    core.clock[slot, :SEQUENCE] = 0


@inner
def _step(core: Any, slot: int, x: Any, y: Any, time: float, out: Any) -> bool:
    """Process one event; return whether it began a sequence."""
    gap = _elapsed(core, slot, time)
    if gap > core.task.reset_after:
        _end_sequence(core, slot)
    begins = place_of(core, slot) == 0
    _count_event(core, slot)
    if core.task.horizon > 0:
        _judge(core, slot, y)
        _score_arrivals(core, slot, y, time)
        arrived = _reveal(core, slot, y)
        if not begins:
            _learn(core, slot, arrived)
    _remember_targets(core, slot, y)
    _receive(core.lookahead, core, slot, x, y, gap, time, out)
    return begins


@dispatched
def _receive(lookahead: Any, core: Any, slot: int, x: Any, y: Any, gap: float, time: float, out: Any) -> None:
    """Let the network process an event, at once or after its lookahead, and write the newest forecast."""
    _observe(core, slot, x, gap, time, core.work.x)
    faded = fade(core.task, core.state[slot], gap)
    if core.faded.shape[1] > 0:
        core.faded[slot, core.clock[slot, Clock.LENGTH] % core.faded.shape[1]] = faded
    _advance(core, slot, y, time)
    out[:] = core.forecast[slot]


@_receive.register
def _receive_with_lookahead(
    lookahead: Lookahead, core: Any, slot: int, x: Any, y: Any, gap: float, time: float, out: Any
) -> None:
    clock = core.clock[slot]
    row = (clock[Clock.EVENTS] - 1) % (lookahead.events + 1)
    _observe(core, slot, x, gap, time, core.ahead_x[slot, row])
    core.ahead_y[slot, row] = y
    clock[Clock.PENDING] += 1
    if clock[Clock.PENDING] > lookahead.events:
        _label_oldest(lookahead, core, slot)
        out[:] = core.forecast[slot]
    else:
        out[:] = math.nan


@inner
def place_of(core: Any, slot: int) -> int:
    """Return the number of events of a stream's sequence so far, those that wait for their lookahead included."""
    return core.clock[slot, Clock.LENGTH] + core.clock[slot, Clock.PENDING]


@inner
def past_of(core: Any, slot: int) -> PastInputs:
    """Return what is known of a stream's past inputs."""
    return PastInputs(core.input_moments[slot], core.history[slot])


@inner
def _elapsed(core: Any, slot: int, time: float) -> float:
    """Advance the stream's time to that of an event; return the seconds that passed, NaN where unknown."""
    gap = max(time - core.time[slot], 0.0) if is_known(time) and is_known(core.time[slot]) else math.nan
    if is_known(time) and not time <= core.time[slot]:
        core.gap[slot] = gap
        core.time[slot] = time
    return gap


@inner
def _count_event(core: Any, slot: int) -> None:
    clock, counts = core.clock[slot], core.counts
    counts[N_EVENTS] += 1
    clock[Clock.EVENTS] += 1
    if core.initial.head.shape[0] == 0:  # else a stream's state must not depend on the events of others
        clock[Clock.BETWEEN] = counts[N_EVENTS] - clock[Clock.TURN]
        clock[Clock.TURN] = counts[N_EVENTS]
    core.miss[slot] = math.nan
    core.score[slot] = math.nan


@inner
def _remember_targets(core: Any, slot: int, y: Any) -> None:
    """Keep the known values of y (D,), and what residual forecasts start from after them."""
    last_y, scales = core.last_y[slot], scales_of(core, slot)
    for d in range(core.task.targets):
        if is_known(y[d]):
            last_y[d] = base_after(core.targets, scales, d, y[d])
            if core.known_y.shape[1] > 0:
                core.known_y[slot, d] = y[d]
        else:
            core.counts[N_MISSING_TARGETS] += 1


@inner
def _observe(core: Any, slot: int, x: Any, gap: float, time: float, seen: Any) -> None:
    """Add an event's values x (I,) to the stream's past, and write what the network sees of it to `seen` (X,)."""
    past, place = past_of(core, slot), place_of(core, slot)
    core.counts[N_MISSING_INPUTS] += record_event(core.inputs, past, place, x, gap)
    encode_event(core.inputs, past, place, gap, time, seen)


@dispatched
def _label_oldest(lookahead: Any, core: Any, slot: int) -> None:
    """Let the network process the oldest pending event with those that follow it, NaN for those that do not."""


@_label_oldest.register
def _label_oldest_pending(lookahead: Lookahead, core: Any, slot: int) -> None:
    clock, x, y = core.clock[slot], core.ahead_x[slot], core.ahead_y[slot]
    rows, columns = x.shape
    oldest = clock[Clock.EVENTS] - clock[Clock.PENDING]
    for ahead in range(rows):
        event = core.work.x[ahead * columns : (ahead + 1) * columns]
        if ahead < clock[Clock.PENDING]:
            event[:] = x[(oldest + ahead) % rows]
        else:
            event[:] = math.nan
    clock[Clock.PENDING] -= 1
    _advance(core, slot, y[oldest % rows], core.time[slot])


@inner
def _advance(core: Any, slot: int, y: Any, time: float) -> None:
    """Let the network process the event in `work.x`: forecast, and in label tasks learn from its label y (D,)."""
    task, clock, last_y = core.task, core.clock[slot], core.last_y[slot]
    length = clock[Clock.LENGTH]
    row = length % core.features.shape[1]
    tape_row, features = length % core.work.deltas.shape[0], core.features[slot, row]
    tape = row_to_write(core.compact, core.tape[slot], core.work.tape, tape_row)
    params, known = params_of(core, slot), known_of(core, slot)
    is_finite = forecast_event(core, params, known, core.state[slot], tape, features, core.forecast[slot])
    if is_finite:
        store(core.compact, tape, core.tape16[slot, tape_row], core.tape8[slot, tape_row])
        core.base[slot, row] = last_y
    else:
        core.counts[N_OVERFLOWS] += 1
    _issue_intervals(core.conformal, core, slot, row, time)
    if not is_finite:
        _start_sequence(core, slot)
        return
    clock[Clock.LENGTH] = length + 1
    if task.horizon == 0:
        _score_arrivals(core, slot, y, time)
        _learn(core, slot, _inject_label(core, slot, row, y))


@dispatched
def _issue_intervals(conformal: Any, core: Any, slot: int, row: int, time: float) -> None:
    """Give each number of the newest forecast its interval, and keep both as issued; NaN where no value is known."""


@_issue_intervals.register
def _issue_conformal_intervals(conformal: Conformal, core: Any, slot: int, row: int, time: float) -> None:
    scales, hour = scales_of(core, slot), hour_of_day(time) if is_known(time) else -1
    core.hour[slot, row] = hour
    for column in range(core.interval.shape[1]):
        middle, ends = core.forecast[slot, column], core.interval[slot, column]
        if not has_basis(core.targets, scales, column, core.base[slot, row, column % core.task.targets]):
            middle = math.nan
        factor = hourly_factor(core.hourly[slot, column], hour)
        predict_interval(conformal, core.calibration[slot, column], factor, middle, ends)
        ends[0] = within(core.bounds, column % core.task.targets, ends[0])
        ends[1] = within(core.bounds, column % core.task.targets, ends[1])
        promised = core.promised[slot, row, column]
        promised[0], promised[1], promised[2] = middle, ends[0], ends[1]


@inner
def is_failing(core: Any, slot: int) -> int:
    """Return 1 if a stream fails, else 0."""
    return int(core.failure[slot, FAILING]) if core.failure.shape[1] > 0 else 0


@inner
def _judge(core: Any, slot: int, y: Any) -> None:
    """Compare the errors of the forecasts of y (D,), as they were issued one event ahead, with those of persistence."""
    task, targets, scales = core.task, core.targets, scales_of(core, slot)
    last, limit = core.known_y[slot], targets.limit
    if task.categorical:
        limit = 1.0  # another class is as wrong as any other
    elif not targets.scaled:
        limit = MAX_VALUE
    model, persistence, count = 0.0, 0.0, 0
    for d in range(task.targets):
        scale = scale_of(targets, scales, d)
        if is_known(y[d]) and is_known(last[d]) and scale > 0.0:
            model += squared_error(_point_forecast(core, slot, d), y[d], 1.0 / scale, limit)
            persistence += squared_error(last[d], y[d], 1.0 / scale, limit)
            count += 1
    if count == 0:
        return
    before = core.failure[slot, FAILING]
    update_failure(core.failure[slot], model / count, persistence / count)
    core.counts[N_ALARMS] += core.failure[slot, FAILING] > before


@inner
def _point_forecast(core: Any, slot: int, d: int) -> float:
    """Return the newest forecast of target d one event ahead as one number: of classes, the most likely one."""
    task, forecast = core.task, core.forecast[slot]
    if task.categorical:
        return float(pick_class(core.top, task, forecast, 0.0, 0.0))
    return forecast[d * task.width + task.point]


@inner
def _score_arrivals(core: Any, slot: int, y: Any, time: float) -> None:
    """Compare y (D,) with the forecasts of it as they were issued: score the anomaly, and calibrate the intervals."""
    _score_anomaly(core.anomaly, core, slot, y, time)
    _calibrate(core.conformal, core, slot, y)


@dispatched
def _calibrate(conformal: Any, core: Any, slot: int, y: Any) -> None:
    """Count how many of y (D,) are inside their intervals, and calibrate these."""


@_calibrate.register
def _calibrate_intervals(conformal: Conformal, core: Any, slot: int, y: Any) -> None:
    task, length, kept = core.task, core.clock[slot, Clock.LENGTH], core.features.shape[1]
    for column in range(core.interval.shape[1]):
        ahead, d = column // task.targets + 1, column % task.targets
        if ahead > length or not is_known(y[d]):
            continue
        promised = core.promised[slot, (length - ahead) % kept, column]
        middle, low, high = promised[0], promised[1], promised[2]
        if is_known(low):
            core.counts[N_JUDGED] += 1
            core.counts[N_COVERED] += low <= y[d] <= high
        calibration, residual = core.calibration[slot, column], y[d] - middle
        scale = scale_of_residuals(calibration)
        if is_known(residual) and scale > 0.0:
            update_hour(core.hourly[slot, column], int(core.hour[slot, (length - ahead) % kept]), abs(residual) / scale)
        update_calibration(conformal, calibration, residual, low - middle, high - middle)


@dispatched
def _score_anomaly(anomaly: Any, core: Any, slot: int, y: Any, time: float) -> None:
    """Score how unlikely y (D,) is, given the forecast of it."""


@_score_anomaly.register
def _score_residuals(anomaly: Anomaly, core: Any, slot: int, y: Any, time: float) -> None:
    task, length, kept = core.task, core.clock[slot, Clock.LENGTH], core.features.shape[1]
    residuals, evidence, any_known = core.work.residuals, core.work.evidence, False
    for d in range(task.targets):
        residuals[d], evidence[d] = math.nan, math.nan
        if length == 0 or not is_known(y[d]):
            continue
        if has_basis(core.targets, scales_of(core, slot), d, core.base[slot, (length - 1) % kept, d]):
            residuals[d] = y[d] - core.forecast[slot, d * task.width + task.point]
            any_known = True
    if any_known:
        core.score[slot] = anomaly_score(anomaly, core.surprise[slot], residuals, y, time, evidence)
    state = update_states(core.alarm_rate, core.watched[slot], evidence, y, time)
    core.counts[N_ANOMALY_ALARMS] += core.watched[slot, ALARM] > 0.0
    if state != NORMAL:
        core.counts[N_ABNORMAL + state - ABNORMAL] += 1


@inner
def _reveal(core: Any, slot: int, y: Any) -> bool:
    """Inject the errors of the forecasts whose targets y are; return whether there are any.

    The error is that of the present readout, on the features as they were. The error of the forecast as it was issued
    would correct again and again until its own correction shows: with many streams or far horizons there are hundreds
    of updates between the two, and learning would overshoot and oscillate.
    """
    task, targets, scales, D = core.task, core.targets, scales_of(core, slot), core.task.targets
    length, kept = core.clock[slot, Clock.LENGTH], core.features.shape[1]
    total, count = 0.0, 0
    arrived = False
    for d in range(D):
        if not is_known(y[d]):
            continue
        record_value(targets, scales, d, y[d])
        for ahead in range(1, min(task.horizon, length) + 1):
            row, column = (length - ahead) % kept, (ahead - 1) * D + d
            base = core.base[slot, row, d]
            if targets.residual and math.isnan(base):
                continue
            if not is_usable(targets, scales, d, base, y[d]):
                continue
            record_change(targets, scales, column, base, y[d])
            missed = _inject(core, slot, row, column, encode_target(targets, scales, column, base, y[d]))
            if ahead == 1:
                total += missed
                count += 1
            arrived = core.work.weight[0] > 0.0
    if count > 0:
        core.miss[slot] = total / count
    return arrived


@inner
def _inject_label(core: Any, slot: int, row: int, y: Any) -> bool:
    """Inject the errors of this event's own targets; return whether there are any."""
    targets, scales = core.targets, scales_of(core, slot)
    total, count = 0.0, 0
    for d in range(core.task.targets):
        if not is_known(y[d]):
            continue
        record_value(targets, scales, d, y[d])
        total += _inject(core, slot, row, d, encode_target(targets, scales, d, 0.0, y[d]))
        count += 1
    if count > 0:
        core.miss[slot] = total / count
    return count > 0 and core.work.weight[0] > 0.0


@inner
def _inject(core: Any, slot: int, row: int, column: int, z: float) -> float:
    """Write the gradient of the mean loss over all targets and horizons, times the event's weight.

    Returns the forecast's distance from z.
    """
    task, loss, E = core.task, core.learning.loss, core.task.errors
    errors, outputs = core.errors[slot, row, column * E : (column + 1) * E], core.work.outputs[: task.width]
    head, features = params_of(core, slot).head, core.features[slot, row]
    read_target(loss, core.network, head, features, column * task.width, z, outputs)
    loss_gradient(loss, outputs, z, errors)
    missed = distance(loss, outputs, task.point, z, errors)
    weight = core.work.weight[0]
    if weight > 0.0:
        scale_gradient(loss, errors.dtype.type(weight / (task.targets * max(task.horizon, 1))), errors)
    else:
        errors[:] = 0
    return missed


@inner
def _learn(core: Any, slot: int, arrived: bool) -> None:
    """Count one event towards the next update, and update when it is due; do nothing while the weights are frozen."""
    if core.work.frozen[0]:
        return
    clock = core.clock[slot]
    clock[Clock.WAITING] += 1
    clock[Clock.ERRORS] += arrived
    if clock[Clock.WAITING] >= core.learning.every:
        _update(core, slot)


@inner
def _update(core: Any, slot: int) -> None:
    clock = core.clock[slot]
    if clock[Clock.ERRORS] > 0:
        upcoming = core.work.upcoming[0]
        rows = core.tape.shape[1] if upcoming != slot else 0
        used = min(clock[Clock.LENGTH], core.work.deltas.shape[0])
        tape = restore(core.compact, core.tape[slot], core.tape16[slot], core.tape8[slot], used, core.work.tape)
        recent = RecentEvents(
            tape, core.features[slot], core.errors[slot], core.faded[slot], core.tape[upcoming, :rows]
        )
        between = 1 if core.initial.head.shape[0] > 0 else max(clock[Clock.BETWEEN], 1)
        progress = Progress(clock[Clock.LENGTH], clock[Clock.WAITING], clock[Clock.ERRORS], between)
        outcome = update_weights(
            core.learning.groups,
            core.network,
            core.learning,
            _weights(core, slot),
            recent,
            progress,
            core.work,
        )
        if outcome != Outcome.WAITING:
            core.counts[N_UPDATES if outcome == Outcome.DONE else N_SKIPPED] += 1
    clock[Clock.WAITING] = 0
    clock[Clock.ERRORS] = 0


@inner
def fade(task: TaskShape, state: Any, gap: float) -> float:
    """Let the state fade over `gap` seconds, NaN where unknown; return the factor."""
    factor = 0.5 ** (gap / task.half_life) if task.half_life < math.inf and is_known(gap) else 1.0
    if factor < 1.0:
        multiply(state.dtype.type(factor), state)
    return factor


@inner
def scales_of(core: Any, slot: int) -> TargetScales:
    """Return what is known of a stream's targets."""
    return TargetScales(
        core.target_moments[slot], core.levels[slot], core.slopes[slot], core.newest_y[slot], core.jumps[slot]
    )


@inner
def known_of(core: Any, slot: int) -> Known:
    """Return what a forecast is made from, besides the network's outputs."""
    return Known(scales_of(core, slot), core.last_y[slot])
