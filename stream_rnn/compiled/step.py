"""The way of one event, compiled: reveal, learn, scale, advance, forecast.

For each event, in arrival order:

1. A gap in time ends the stream's sequence.
2. Forecasting: the event's values are the targets of forecasts made 1..H events ago. Their errors are injected, and
   learned from.
3. What the network sees is made of the input, of its time and of the past, and the hidden state fades as the time that
   has passed asks for, and advances.
4. The outputs become a forecast in the target's units.
5. Label tasks: the event's own target is learned from, after its forecast was made.
6. The end-of-sequence flag ends the sequence.

With lookahead L, the network takes an event (the advance of 3, and 4 and 5) when L more have arrived, or when the
sequence ends, without those that do not come. What is forecast at an event then speaks of the L-th before it.

Nothing here depends on how the events were cut into batches.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.compiled.core import BETWEEN, ERRORS, EVENTS, LENGTH, PENDING, TURN, WAITING, Counts, Task
from stream_rnn.kernels.jit import entry, inner
from stream_rnn.kernels.linalg import multiply
from stream_rnn.kernels.prefetch import prefetch
from stream_rnn.layers.network import Halves, infer, read_out
from stream_rnn.learning.anomaly import surprise
from stream_rnn.learning.conformal import calibrate, interval
from stream_rnn.learning.inputs import Past, show, take_in
from stream_rnn.learning.losses import LossKind, log_variance, loss_gradient, miss
from stream_rnn.learning.rls import begin
from stream_rnn.learning.scaling import known
from stream_rnn.learning.targets import Scales, centre, rests, standardised, take_change, take_value, unit
from stream_rnn.learning.tbptt import Progress, Recent, Weights, in_turn, update

(
    N_EVENTS,
    N_UPDATES,
    N_SKIPPED,
    N_RESETS,
    N_OVERFLOWS,
    N_MISSING_INPUTS,
    N_MISSING_TARGETS,
    N_JUDGED,
    N_COVERED,
    N_DRIFTS,
) = range(len(Counts._fields))


NEW, EVENT, LABEL, END = 1, 2, 4, 8
"""What a row of a batch asks for, added up and done in this order: make the slot that of a stream never seen; take an
event; label the oldest event that waits for others, which will not come; end the slot's sequence, which labels all that
wait, learns from the errors that wait, zeroes the hidden state and empties the window."""


class Batch(NamedTuple):
    """N events in arrival order."""

    slots: Any
    """(N,) int64"""
    marks: Any
    """(N,) uint8, sums of NEW, EVENT, LABEL and END"""
    x: Any
    """(N, I) float64"""
    y: Any
    """(N, D) float64"""
    times: Any
    """(N,) float64, NaN where there is none"""


class Outcome(NamedTuple):
    """What comes of N events."""

    forecasts: Any
    """(N, O) float64, NaN where the lookahead is not yet there"""
    intervals: Any
    """(N, C, 2) float64, low and high of each number forecast; C = 0 without intervals"""
    scores: Any
    """(N,) float64, anomaly scores, NaN where no forecast spoke of the event; (0,) where none are asked for"""
    begins: Any
    """(N,) bool, whether the event began a sequence"""


@entry
def process(core: Any, batch: Batch, outcome: Outcome) -> None:
    """Take the events; write what comes of each."""
    out = outcome.forecasts
    for i in range(batch.slots.shape[0]):
        slot, mark = batch.slots[i], batch.marks[i]
        if i + 1 < batch.slots.shape[0] and batch.slots[i + 1] != slot:
            _expect(core, batch.slots[i + 1])
        if mark & NEW:
            _clear(core, slot)
        if mark & EVENT:
            outcome.begins[i] = _take(core, slot, batch.x[i], batch.y[i], batch.times[i], out[i])
            if outcome.intervals.shape[1] > 0:
                outcome.intervals[i] = core.interval[slot]
            if outcome.scores.shape[0] > 0:
                outcome.scores[i] = core.score[slot]
        if mark & LABEL:
            _label_oldest(core, slot)
            out[i] = core.forecast[slot]
        if mark & END:
            _finish(core, slot)


@inner
def _expect(core: Any, slot: int) -> None:
    """Begin to fetch a stream that comes next: with many of them, memory is what the next event would wait for."""
    prefetch(core.state[slot])
    prefetch(core.tape[slot])
    prefetch(core.forecast[slot])
    prefetch(core.errors[slot])
    prefetch(core.base[slot])
    prefetch(core.last_y[slot])
    prefetch(core.history[slot])
    prefetch(core.ahead_x[slot])
    prefetch(core.ahead_y[slot])
    prefetch(core.input_moments[slot])
    prefetch(core.target_moments[slot])
    prefetch(core.clock[slot])


@inner
def _owners(core: Any, slot: int) -> Halves:
    """Return the rows of a stream's weights: its own, or the one that all share."""
    body, head = core.initial
    return Halves(slot if body.shape[0] > 0 else 0, slot if head.shape[0] > 0 else 0)


@inner
def params_of(core: Any, slot: int) -> Halves:
    """Return a stream's weights alone: a forecast does not wait for what only learning needs."""
    body, head = _owners(core, slot)
    return Halves(core.weights.params.body[body], core.weights.params.head[head])


@inner
def _weights(core: Any, slot: int) -> Weights:
    moments, updates = core.weights.moments, core.weights.updates
    body, head = _owners(core, slot)
    return Weights(
        params_of(core, slot),
        Halves(moments.body[body], moments.head[head]),
        Halves(updates.body[body], updates.head[head]),
        core.weights.inverse[head],
    )


@inner
def _clear(core: Any, slot: int) -> None:
    """Make the slot that of a stream that was never seen."""
    core.state[slot] = 0
    core.errors[slot] = 0
    core.last_y[slot] = math.nan
    core.history[slot] = math.nan
    core.input_moments[slot] = 0
    core.target_moments[slot] = 0
    core.levels[slot] = 0
    core.slopes[slot] = 0
    core.time[slot] = math.nan
    core.gap[slot] = math.nan
    core.clock[slot] = 0
    core.clock[slot, TURN] = core.counts[N_EVENTS]
    core.interval[slot] = math.nan
    core.calibration[slot] = 0
    core.surprise[slot] = 0
    core.score[slot] = math.nan
    own = _weights(core, slot)
    if core.initial.body.shape[0] > 0:
        own.params.body[:] = core.initial.body[0]
        own.moments.body[:] = 0
        own.updates.body[:] = 0
    if core.initial.head.shape[0] > 0:
        own.params.head[:] = core.initial.head[0]
        own.moments.head[:] = 0
        own.updates.head[:] = 0
        begin(core.learner.rls, own.inverse)


@inner
def _finish(core: Any, slot: int) -> None:
    while core.clock[slot, PENDING] > 0:
        _label_oldest(core, slot)
    if core.clock[slot, LENGTH] > 0:
        _update(core, slot)
        core.counts[N_RESETS] += 1
    _forget(core, slot)


@inner
def _forget(core: Any, slot: int) -> None:
    """Begin a new sequence, with the events that wait for their lookahead if there are some."""
    core.state[slot] = 0
    core.errors[slot] = 0
    core.last_y[slot] = math.nan
    core.clock[slot, :EVENTS] = 0


@inner
def _take(core: Any, slot: int, x: Any, y: Any, time: float, out: Any) -> bool:
    """Take one event; return whether it began a sequence."""
    task, counts = core.task, core.counts
    gap = _pass(core, slot, time)
    if gap > task.reset_after:
        _finish(core, slot)
    clock, last_y = core.clock[slot], core.last_y[slot]
    counts[N_EVENTS] += 1
    clock[EVENTS] += 1
    clock[BETWEEN] = counts[N_EVENTS] - clock[TURN]
    clock[TURN] = counts[N_EVENTS]
    core.miss[slot] = math.nan
    begins = clock[LENGTH] + clock[PENDING] == 0
    core.score[slot] = math.nan
    if task.horizon > 0:
        if task.judged:
            _judge(core, slot, y, time)
        arrived = _reveal(core, slot, y)
        if not begins:
            _learn(core, slot, arrived)
    for d in range(task.targets):
        if known(y[d]):
            last_y[d] = y[d]
        else:
            counts[N_MISSING_TARGETS] += 1

    past, place, inputs = (
        Past(core.input_moments[slot], core.history[slot]),
        clock[LENGTH] + clock[PENDING],
        core.inputs,
    )
    counts[N_MISSING_INPUTS] += take_in(inputs, past, place, x, gap)
    if task.lookahead == 0:
        show(inputs, past, place, gap, time, core.work.x)
        left = fade(task, core.state[slot], gap)
        if core.faded.shape[1] > 0:
            core.faded[slot, clock[LENGTH] % core.faded.shape[1]] = left
        _advance(core, slot, y, time)
        out[:] = core.forecast[slot]
        return begins
    waits = (clock[EVENTS] - 1) % (task.lookahead + 1)
    show(inputs, past, place, gap, time, core.ahead_x[slot, waits])
    core.ahead_y[slot, waits] = y
    clock[PENDING] += 1
    if clock[PENDING] > task.lookahead:
        _label_oldest(core, slot)
        out[:] = core.forecast[slot]
    else:
        out[:] = math.nan
    return begins


@inner
def _pass(core: Any, slot: int, time: float) -> float:
    """Let the stream's time become that of an event; return the seconds that passed, NaN where they are not known."""
    gap = max(time - core.time[slot], 0.0) if known(time) and known(core.time[slot]) else math.nan
    if known(time) and not time <= core.time[slot]:
        core.gap[slot] = gap
        core.time[slot] = time
    return gap


@inner
def _label_oldest(core: Any, slot: int) -> None:
    """Let the network take the oldest event that waits, with those after it that are there, NaN for the others."""
    clock, x, y = core.clock[slot], core.ahead_x[slot], core.ahead_y[slot]
    places, columns = x.shape
    oldest = clock[EVENTS] - clock[PENDING]
    for ahead in range(places):
        event = core.work.x[ahead * columns : (ahead + 1) * columns]
        if ahead < clock[PENDING]:
            event[:] = x[(oldest + ahead) % places]
        else:
            event[:] = math.nan
    clock[PENDING] -= 1
    _advance(core, slot, y[oldest % places], core.time[slot])


@inner
def _advance(core: Any, slot: int, y: Any, time: float) -> None:
    """Let the network take the event in `work.x`: forecast, and learn from its label y (D,) if the task is labels."""
    task, clock, last_y = core.task, core.clock[slot], core.last_y[slot]
    state, outputs, forecast = core.state[slot], core.work.outputs, core.forecast[slot]
    length = clock[LENGTH]
    row = length % core.features.shape[1]
    params = params_of(core, slot)
    infer(core.network, params, core.work.x, state, core.tape[slot, row], core.features[slot, row], outputs)
    if not (finite(state[: task.remembered]) and finite(outputs)):
        core.counts[N_OVERFLOWS] += 1
        outputs[:] = 0
        tell(core, scales_of(core, slot), last_y, outputs, forecast)
        if task.judged:
            _promise(core, slot, row)
        _forget(core, slot)
        return
    core.base[slot, row] = last_y
    tell(core, scales_of(core, slot), last_y, outputs, forecast)
    if task.judged:
        _promise(core, slot, row)
    clock[LENGTH] = length + 1
    if task.horizon == 0:
        if task.judged:
            _judge(core, slot, y, time)
        arrived = _inject_label(core, slot, row, y)
        _learn(core, slot, arrived)


@inner
def _promise(core: Any, slot: int, row: int) -> None:
    """Give each number of the newest forecast its interval; one that rests on no value yet is no promise."""
    scales = scales_of(core, slot)
    for column in range(core.interval.shape[1]):
        middle, ends = core.forecast[slot, column], core.interval[slot, column]
        if not rests(core.targets, scales, column, core.base[slot, row, column % core.task.targets]):
            middle = math.nan
        interval(core.conformal, core.calibration[slot, column], middle, ends)
        promised = core.promised[slot, row, column]
        promised[0], promised[1], promised[2] = middle, ends[0], ends[1]


@inner
def _judge(core: Any, slot: int, y: Any, time: float) -> None:
    """Hold y (D,) against the forecasts of it as they were made: calibrate their intervals, and score the surprise."""
    task, length, kept = core.task, core.clock[slot, LENGTH], core.features.shape[1]
    if core.surprise.shape[1] > 0 and length > 0:
        residuals, base, spoken = core.work.residuals, core.base[slot, (length - 1) % kept], False
        for d in range(task.targets):
            residuals[d] = math.nan
            if known(y[d]) and rests(core.targets, scales_of(core, slot), d, base[d]):
                residuals[d] = y[d] - core.forecast[slot, d * task.width + task.point]
                spoken = True
        if spoken:
            core.score[slot] = surprise(core.anomaly, core.surprise[slot], residuals, time)
    for column in range(core.interval.shape[1]):
        ahead, d = column // task.targets + 1, column % task.targets
        if ahead > length or not known(y[d]):
            continue
        promised = core.promised[slot, (length - ahead) % kept, column]
        middle, low, high = promised[0], promised[1], promised[2]
        if known(low):
            core.counts[N_JUDGED] += 1
            core.counts[N_COVERED] += low <= y[d] <= high
        calibrate(core.conformal, core.calibration[slot, column], y[d] - middle, low - middle, high - middle)


@inner
def _reveal(core: Any, slot: int, y: Any) -> bool:
    """Inject the errors of the forecasts that y answers; return whether there are any.

    The error is that of the readout as it is now, on the features as they were. The error of the forecast as it was
    made would correct again and again, until its own correction shows: with many streams or far horizons there are
    hundreds of updates between the two, and learning would overshoot and oscillate.
    """
    task, targets, scales = core.task, core.targets, scales_of(core, slot)
    D, W = task.targets, task.width
    length, kept = core.clock[slot, LENGTH], core.features.shape[1]
    params = params_of(core, slot)
    missed, count = 0.0, 0
    arrived = False
    for d in range(D):
        if not known(y[d]):
            continue
        take_value(targets, scales, d, y[d])
        for ahead in range(1, min(task.horizon, length) + 1):
            row, column = (length - ahead) % kept, (ahead - 1) * D + d
            base = core.base[slot, row, d]
            if targets.residual and math.isnan(base):
                continue
            take_change(targets, scales, column, base, y[d])
            first = column * W
            outputs = core.work.outputs[:W]
            read_out(core.network, params.head, core.features[slot, row], first, outputs)
            z = standardised(targets, scales, column, base, y[d])
            distance = _inject(core, z, outputs, core.errors[slot, row, first : first + W])
            if ahead == 1:
                missed += distance
                count += 1
            arrived = True
    if count > 0:
        core.miss[slot] = missed / count
    return arrived


@inner
def _inject_label(core: Any, slot: int, row: int, y: Any) -> bool:
    """Inject the errors of this event's own targets; return whether there are any."""
    task, targets, scales, W = core.task, core.targets, scales_of(core, slot), core.task.width
    missed, count = 0.0, 0
    for d in range(task.targets):
        if not known(y[d]):
            continue
        take_value(targets, scales, d, y[d])
        z = standardised(targets, scales, d, 0.0, y[d])
        missed += _inject(core, z, core.work.outputs[d * W : d * W + W], core.errors[slot, row, d * W : d * W + W])
        count += 1
    if count > 0:
        core.miss[slot] = missed / count
    return count > 0


@inner
def _inject(core: Any, z: float, outputs: Any, errors: Any) -> float:
    """Write the gradient of the mean loss over all targets and horizons; return by how much z was missed."""
    loss = core.learner.loss
    loss_gradient(loss, outputs, z, errors)
    distance = miss(loss, outputs, core.task.point, z, errors)
    share = errors.dtype.type(1.0 / (core.task.targets * max(core.task.horizon, 1)))
    for w in range(errors.shape[0]):
        errors[w] *= share
    return distance


@inner
def _learn(core: Any, slot: int, arrived: bool) -> None:
    """Count one event towards the next update, and update when it is due."""
    clock = core.clock[slot]
    clock[WAITING] += 1
    clock[ERRORS] += arrived
    if clock[WAITING] >= core.learner.every:
        _update(core, slot)


@inner
def _update(core: Any, slot: int) -> None:
    clock = core.clock[slot]
    if clock[ERRORS] > 0:
        recent = Recent(core.tape[slot], core.features[slot], core.errors[slot], core.faded[slot])
        progress = Progress(clock[LENGTH], clock[WAITING], clock[ERRORS])
        events = 1 if core.initial.head.shape[0] > 0 else max(clock[BETWEEN], 1)
        done = update(core.network, in_turn(core.learner, events), _weights(core, slot), recent, progress, core.work)
        core.counts[N_UPDATES if done else N_SKIPPED] += 1
    clock[WAITING] = 0
    clock[ERRORS] = 0


@inner
def fade(task: Task, state: Any, gap: float) -> float:
    """Let the state fade over `gap` seconds, NaN where they are not known; return what is left of it."""
    left = 0.5 ** (gap / task.half_life) if task.half_life < math.inf and known(gap) else 1.0
    if left < 1.0:
        multiply(state.dtype.type(left), state)
    return left


@inner
def scales_of(core: Any, slot: int) -> Scales:
    """Return what is known of a stream's targets."""
    return Scales(core.target_moments[slot], core.levels[slot], core.slopes[slot])


@inner
def tell(core: Any, scales: Scales, last_y: Any, outputs: Any, out: Any) -> None:
    """Write what the outputs (O,) say in the target's units, to `out` (O,) float64."""
    task, kind, W = core.task, core.learner.loss.kind, core.task.width
    if kind == LossKind.SOFTMAX:
        for first in range(0, outputs.shape[0], W):
            _probabilities(outputs[first : first + W], out[first : first + W])
        return
    for column in range(outputs.shape[0] // W):
        first = column * W
        if kind == LossKind.LOGISTIC:
            out[first] = 1.0 / (1.0 + math.exp(-outputs[first]))
            continue
        middle = centre(core.targets, scales, column, last_y[column % task.targets])
        scale = unit(core.targets, scales, column)
        for w in range(W):
            out[first + w] = middle + scale * outputs[first + w]
        if kind == LossKind.GAUSSIAN_NLL:
            out[first + 1] = scale * scale * math.exp(log_variance(outputs[first + 1]))
        elif kind == LossKind.QUANTILE:
            out[first : first + W].sort()  # learned apart, quantiles may cross (Chernozhukov et al. 2010)


@inner
def _probabilities(outputs: Any, out: Any) -> None:
    """Write the softmax of the outputs (classes,) to `out` (classes,)."""
    total, highest = 0.0, float(outputs.max())
    for w in range(outputs.shape[0]):
        out[w] = math.exp(outputs[w] - highest)
        total += out[w]
    for w in range(outputs.shape[0]):
        out[w] /= total


@inner
def finite(values: Any) -> bool:
    """Say whether all values (n,) are finite: 0 times one that is not is NaN, and a sum is vectorised."""
    zero = values.dtype.type(0)
    total = zero
    for j in range(values.shape[0]):
        total += zero * values[j]
    return total == zero
