"""Truncated backpropagation through time, TBPTT(h; h') (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490).

Every h' events of a stream, the errors that arrived since the last update are injected at the events whose forecasts
they belong to, and backpropagated through the newest h events of the sequence. An error of an older event (at a horizon
longer than the window) trains the readout only. The loss of an update is the mean over the events at which errors
arrived.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from stream_rnn.kernels.dispatch import Off, dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import dot, multiply
from stream_rnn.kernels.prefetch import prefetch
from stream_rnn.layers.layer import accumulate, backward, touch_rows
from stream_rnn.layers.network import BodyAndHead, Network  # noqa: TC001 - `register` reads annotations
from stream_rnn.layers.touched import COUNT, Touched, touch_dense
from stream_rnn.learning.clipping import Clip, clip_factor, clip_values, weighted
from stream_rnn.learning.optimizers import Optimizer, optimizer_step
from stream_rnn.learning.penalties import Penalties, add_penalties, decay_weights
from stream_rnn.learning.readout import learn_readout
from stream_rnn.learning.rls import RLS, EventErrors, challenge, leak, update_readout, with_forgetting


class Learning(NamedTuple):
    """How weights are learned."""

    window: int
    """h, events through which errors are backpropagated"""
    every: int
    """h', events between two updates"""
    loss: Any
    """one of `losses`"""
    clip: Clip
    penalties: Penalties
    optimizer: Optimizer
    rls: RLS | Off
    boost: float
    """factor of the learning rate and of 1 - rls.forgetting in a boosted update"""
    groups: Any = Off()
    """`groups.Groups` where several streams make one update"""


class Weights(NamedTuple):
    """The weights of a network, and the state of the optimizer and of recursive least squares."""

    params: BodyAndHead
    """(B,) and (R,)"""
    moments: BodyAndHead
    """(m, B) and (m, R), m from `optimizers.MOMENTS_PER_WEIGHT`; (m, 0) for a readout learned by least squares"""
    updates: BodyAndHead
    """(2,) and (2,) int64, indexed by DONE and BOOSTED"""
    inverse: Any
    """(q, q) float64, P of recursive least squares; (0, 0) if the optimizer learns the readout"""
    challenger: Any
    """(1 + O q,) float64, as in `rls`; (0,) if the optimizer learns the readout"""
    group: Any = Off()
    """`groups.Group` where several streams make one update"""


class Outcome(IntEnum):
    """Result of an update."""

    SKIPPED = 0
    """an error could not be used"""
    DONE = 1
    WAITING = 2
    """for other streams"""


DONE, BOOSTED = 0, 1
"""Counts of updates: those done since the optimizer was reset; those still to be boosted."""


class Progress(NamedTuple):
    """Counts of events of a stream's sequence."""

    length: int
    """events so far"""
    waiting: int
    """of these, since the last update"""
    errors: int
    """of these, at which errors arrived"""
    between: int
    """events of all streams that share the readout, since the stream's last one"""


class RecentEvents(NamedTuple):
    """The newest events of one stream; event n of the sequence is in row n mod rows of each array.

    Arrays differ in their number of rows: r rows for the gradient, and a for the readout.
    """

    tape: Any
    """(r, T)"""
    features: Any
    """(a, F)"""
    errors: Any
    """(a, E), dL/do that has arrived and was not learned from; E = O, unless the loss says otherwise"""
    faded: Any
    """(r,) factor by which the state faded before each event; (0,) if it does not fade"""
    upcoming: Any
    """(r, T), tape of the next event's stream, of which each step back prefetches a row; (0, T) if it is this stream"""


class Work(NamedTuple):
    """Scratch memory of an engine, without meaning from one event to the next."""

    x: Any
    """(columns,) encoded event, and those of its lookahead"""
    outputs: Any
    """(O,)"""
    tape: Any
    """(r, T), of a stream with a compact tape; (0, T) without"""
    deltas: Any
    """(rows, D)"""
    rows: Any
    """(window,) rows of the window's events, newest first"""
    upcoming: Any
    """(1,) slot of the next event's stream, which is prefetched meanwhile"""
    weight: Any
    """(1,) float64, factor of the loss of the event's targets"""
    frozen: Any
    """(1,) uint8, not 0 while no weight may change"""
    gradient: Any
    """(P,) the body's (B,), then the head's (R,); only that of touched parameters is computed"""
    penalty_mask: Any
    """(P,) 1 for weights, 0 for biases; constant"""
    decay_targets: Any
    """(P,) values that weight decay tends to; constant"""
    touched: Touched
    """the parameters that the optimizer changes in an update"""
    d_body: Any
    """(H,)"""
    d_state: Any
    """(S,)"""
    d_input: Any
    """(0,) because the gradient in the network's input is not needed"""
    regressors: Any
    """(q,) float64, for recursive least squares"""
    gain: Any
    """(q,) float64, for recursive least squares"""
    residuals: Any
    evidence: Any
    """(D,) float64, for anomaly scores"""
    group: Any = Off()
    """`groups.GroupWork` where several streams make one update"""


@dispatched
def update_weights(
    groups: Any,
    network: Network,
    learning: Learning,
    weights: Weights,
    recent: RecentEvents,
    progress: Progress,
    work: Work,
) -> Outcome:
    """Learn from the errors in `recent` and clear them; return whether the update was complete.

    If the gradient is not finite, no weight changes. If recursive least squares fails, only the layers have learned.
    With `groups.Groups`, the stream joins a group instead, which learns when it is complete.
    """
    boost = next_boost(learning, weights)
    backpropagate(network, learning.loss, learning.window, weights.params, recent, progress.length, work)
    done = apply_gradient(network, learning, weights, 1.0 / progress.errors, boost, work)
    if done:
        done = _fit_readout(learning.rls, network, weights, recent, progress, boost, work)
    recent.errors[:] = 0
    return Outcome.DONE if done else Outcome.SKIPPED


@inner
def next_boost(learning: Learning, weights: Weights) -> float:
    """Return the factor of the learning rate in the next update, and count it."""
    if weights.updates.head[BOOSTED] == 0:
        return 1.0
    weights.updates.head[BOOSTED] -= 1
    return learning.boost


@dispatched
def _fit_readout(
    rls: Any, network: Network, weights: Weights, recent: RecentEvents, progress: Progress, boost: float, work: Work
) -> bool:
    """Update the readout by recursive least squares, if so set; return whether all errors could be used."""
    return True


@_fit_readout.register
def _fit_readout_by_least_squares(
    rls: RLS, network: Network, weights: Weights, recent: RecentEvents, progress: Progress, boost: float, work: Work
) -> bool:
    rls = with_forgetting(rls, progress.between, boost)
    work.gradient[network.head_start :] = 0  # it is not used, but must stay finite
    kept = recent.errors.shape[0]
    done = True
    for age in range(min(progress.length, kept) - 1, -1, -1):  # oldest errors first
        row = (progress.length - 1 - age) % kept
        gradients = recent.errors[row]
        for o in range(gradients.shape[0]):
            if gradients[o] != 0:
                event = EventErrors(recent.features[row], gradients, age < progress.waiting, work.weight[0])
                head, P = weights.params.head, weights.inverse
                if rls.challenged and event.is_new and progress.between == 1:
                    challenge(rls, P, event, weights.challenger, work.regressors)
                done &= update_readout(rls, network, head, P, event, work.regressors, work.gain)
                break
    leak(rls, network, weights.params.head, weights.inverse, weights.updates.head[DONE], work.gain)
    return done


@inner
def apply_gradient(
    network: Network, learning: Learning, weights: Weights, factor: float, boost: float, work: Work
) -> bool:
    """Update the touched weights by the gradient factor * work.gradient, if it is finite; return whether it was."""
    B, square = network.head_start, 0.0
    params, moments, updates = weights.params, weights.moments, weights.updates
    gradient, penalty_mask, optimizer = work.gradient, work.penalty_mask, learning.optimizer
    rate = boost * optimizer.learning_rate
    ranges, count = work.touched.ranges, work.touched.counters[COUNT]
    for k in range(count):
        begin, end = ranges[k, 0], ranges[k, 1]
        for part, first in enumerate((0, B)):  # the body, the readout
            start, stop = max(begin, first), (min(end, B) if part == 0 else end)
            if start < stop:
                w, mask = params[part][start - first : stop - first], penalty_mask[start:stop]
                add_penalties(learning.penalties, factor, w, mask, gradient[start:stop])
        square += dot(gradient[begin:end], gradient[begin:end])
    clip = weighted(learning.clip, work.weight[0])
    factor = clip_factor(clip, square, factor)
    if math.isnan(factor):
        return False
    updates.body[DONE] += 1
    updates.head[DONE] += 1
    for k in range(count):
        begin, end = ranges[k, 0], ranges[k, 1]
        clip_values(clip, gradient[begin:end], factor)
        for part, first in enumerate((0, B)):
            start, stop = max(begin, first), (min(end, B) if part == 0 else end)
            if start < stop:
                w, g, last = params[part], gradient[first:], stop - first
                decay_weights(learning.penalties, rate, w[start - first : last], work.decay_targets[start:stop])
                optimizer_step(optimizer, rate, w, moments[part], g, start - first, last, factor, updates[part][DONE])
    return True


@inner
def backpropagate_readout(
    network: Network, loss: Any, head: Any, recent: RecentEvents, length: int, age: int, gradient: Any, work: Work
) -> None:
    """Add the gradient in the head to `gradient` (P,), and write that in h to `work.d_body`, for an event's errors.

    The event is `age` events older than the newest one; it has no errors if it is older than those in `recent`.
    """
    work.d_body[:] = 0
    kept = recent.errors.shape[0]
    if age >= min(length, kept):
        return
    row = (length - 1 - age) % kept
    errors = recent.errors[row]
    for o in range(errors.shape[0]):
        if errors[o] != 0:
            learn_readout(loss, network, head, recent.features[row], errors, work.touched, gradient, work.d_body)
            break


@inner
def backpropagate(
    network: Network, loss: Any, window: int, params: BodyAndHead, recent: RecentEvents, length: int, work: Work
) -> None:
    """Touch the parameters that the errors in `recent` depend on, and write their gradient to `work.gradient`."""
    rows, B, touched, gradient = recent.tape.shape[0], network.head_start, work.touched, work.gradient
    touch_dense(touched, gradient)
    work.d_state[:] = 0
    steps = min(length, window)
    for age in range(max(steps, min(length, recent.errors.shape[0]))):
        backpropagate_readout(network, loss, params.head, recent, length, age, gradient, work)
        if age < steps:
            row = (length - 1 - age) % rows
            work.rows[age] = row
            if row < recent.upcoming.shape[0]:
                prefetch(recent.upcoming[row])
            backward(
                network.body,
                params.body,
                recent.tape[row],
                work.d_body,
                work.d_state,
                work.deltas[row],
                work.d_input,
            )
            if recent.faded.shape[0] > 0:
                multiply(recent.faded[row], work.d_state)
    touch_rows(network.body, recent.tape, 0, work.rows[:steps], touched, gradient[:B])
    accumulate(network.body, recent.tape, 0, work.deltas, 0, work.rows[:steps], gradient[:B])
