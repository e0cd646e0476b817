"""Truncated backpropagation through time, TBPTT(h; h') (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490).

Every h' events of a stream, the errors that arrived since the last update are injected at the events whose forecasts
they belong to, and carried back through the newest h events of the sequence. An error that belongs to an older event (a
horizon longer than the window) trains the readout alone. The loss of an update is the mean over the events at which
errors arrived.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import dot, multiply
from stream_rnn.layers.layer import accumulate, backward
from stream_rnn.layers.network import Halves, Network, readout_backward
from stream_rnn.learning.clipping import Clip, clip_factor, clip_values
from stream_rnn.learning.optimizers import Optimizer, step
from stream_rnn.learning.penalties import Penalties, add_penalties, decay
from stream_rnn.learning.rls import RLS, fit


class Learner(NamedTuple):
    """How weights are learned."""

    window: int
    """h, the events that an error is carried back through."""
    every: int
    """h', the events between two updates."""
    loss: Any
    """one of `losses`"""
    clip: Clip
    penalties: Penalties
    optimizer: Optimizer
    rls: RLS
    boost: float
    """What a boosted update multiplies the learning rate and what least squares forget by."""


class Weights(NamedTuple):
    """A network's weights and what is remembered to learn them."""

    params: Halves
    """(B,) and (R,)"""
    moments: Halves
    """(m, B) and (m, R), m as `optimizers.MOMENTS`; (m, 0) for a readout that the optimizer does not learn"""
    updates: Halves
    """(2,) and (2,) int64: DONE, BOOSTED"""
    inverse: Any
    """(q, q) float64, P of recursive least squares; (0, 0) where the optimizer learns the readout"""


DONE, BOOSTED = 0, 1
"""Updates: those since the optimizer began; those to come that are boosted."""


class Progress(NamedTuple):
    """How far a stream's sequence is."""

    length: int
    """Events so far."""
    waiting: int
    """Of these, since the last update."""
    errors: int
    """Of these, at which errors arrived."""


class Recent(NamedTuple):
    """The newest events of one stream, each in row (event number mod rows) of every array."""

    tape: Any
    """(rows, T)"""
    features: Any
    """(rows, F)"""
    errors: Any
    """(rows, O): dL/do that has arrived and not been learned from"""
    faded: Any
    """(rows,) what was left of the state before each event; (0,) where nothing fades"""


class Work(NamedTuple):
    """Scratch of one engine; holds nothing from one event to the next."""

    x: Any
    """(columns,) what the network sees of an event, and of the lookahead's after it"""
    outputs: Any
    """(O,)"""
    deltas: Any
    """(rows, D)"""
    rows: Any
    """(window,) the window's rows, newest first"""
    gradient: Any
    """(P,) the body's (B,), then the readout's (R,)"""
    penalised: Any
    """(P,) 1 for weights, 0 for biases; constant"""
    trained: Any
    """(k, 2) where each run of parameters that the optimizer learns begins and ends; constant"""
    d_body: Any
    """(H,)"""
    d_state: Any
    """(S,)"""
    d_input: Any
    """(0,) the lowest layer's input needs no gradient"""
    regressors: Any
    """(q,) float64, scratch of recursive least squares"""
    gain: Any
    """(q,) float64"""
    residuals: Any
    """(D,) float64"""


@inner
def update(
    network: Network, learner: Learner, weights: Weights, recent: Recent, progress: Progress, work: Work
) -> bool:
    """Learn from the errors in `recent` and clear them; return whether the weights were changed.

    A gradient that is not finite changes nothing; nor does a readout that cannot be fitted, but the layers then have
    learned.
    """
    if weights.updates.head[BOOSTED] > 0:
        weights.updates.head[BOOSTED] -= 1
        learner = _boosted(learner)
    second_order = weights.inverse.shape[0] > 0
    if second_order:
        work.gradient[network.readout :] = 0  # nothing descends by it, and it must not grow without end
    backpropagate(network, learner.window, weights.params, recent, progress.length, work)
    done = _descend(network, learner, weights, 1.0 / progress.errors, work)
    if done and second_order:
        done = _fit_readout(network, learner.rls, weights, recent, progress, work)
    recent.errors[:] = 0
    return done


@inner
def in_turn(learner: Learner, events: int) -> Learner:
    """Return the learner of a readout that streams share, at one whose turn came after so many events of all.

    In a round that takes every stream once, as much is forgotten as by one event of a stream alone.
    """
    if events == 1 or learner.rls.forgetting == 0.0:
        return learner
    return _with(learner, learner.optimizer.learning_rate, learner.rls.forgetting ** (1.0 / events))


@inner
def _boosted(learner: Learner) -> Learner:
    """Return the learner that learns faster: by a higher learning rate, and by forgetting more."""
    forgetting = 1.0 - learner.boost * (1.0 - learner.rls.forgetting)
    return _with(learner, learner.boost * learner.optimizer.learning_rate, forgetting)


@inner
def _with(learner: Learner, rate: float, forgetting: float) -> Learner:
    o, r = learner.optimizer, learner.rls
    return Learner(
        learner.window,
        learner.every,
        learner.loss,
        learner.clip,
        learner.penalties,
        Optimizer(o.kind, rate, o.momentum, o.nesterov, o.decay, o.first_decay, o.epsilon),
        RLS(forgetting, r.ridge, r.unit),
        learner.boost,
    )


@inner
def _fit_readout(network: Network, rls: RLS, weights: Weights, recent: Recent, progress: Progress, work: Work) -> bool:
    """Correct the readout by recursive least squares, oldest errors first; return whether all could be used."""
    kept = recent.errors.shape[0]
    done = True
    for age in range(min(progress.length, kept) - 1, -1, -1):
        row = (progress.length - 1 - age) % kept
        gradients = recent.errors[row]
        for gradient in gradients:
            if gradient != 0:
                done &= fit(
                    rls,
                    network,
                    weights.params.head,
                    weights.inverse,
                    recent.features[row],
                    gradients,
                    age < progress.waiting,
                    work.regressors,
                    work.gain,
                )
                break
    return done


@inner
def _descend(network: Network, learner: Learner, weights: Weights, factor: float, work: Work) -> bool:
    """Change the trained weights by factor * work.gradient, unless that is not finite; return whether it was."""
    B, square = network.readout, 0.0
    params, moments, updates = weights.params, weights.moments, weights.updates
    gradient, penalised, optimizer = work.gradient, work.penalised, learner.optimizer
    add_penalties(learner.penalties, factor, params.body, penalised[:B], gradient[:B])
    add_penalties(learner.penalties, factor, params.head, penalised[B:], gradient[B:])
    for begin, end in work.trained:
        square += dot(gradient[begin:end], gradient[begin:end])
    factor = clip_factor(learner.clip, square, factor)
    if math.isnan(factor):
        return False
    updates.body[DONE] += 1
    updates.head[DONE] += 1
    for begin, end in work.trained:
        clip_values(learner.clip, gradient[begin:end], factor)
        for part, first in enumerate((0, B)):  # the body, the readout
            start, stop = max(begin, first), (min(end, B) if part == 0 else end)
            if start < stop:
                w, g, last = params[part], gradient[first:], stop - first
                decay(learner.penalties, optimizer.learning_rate, w[start - first : last], penalised[start:stop])
                step(optimizer, w, moments[part], g, start - first, last, factor, updates[part][DONE])
    return True


@inner
def backpropagate(network: Network, window: int, params: Halves, recent: Recent, length: int, work: Work) -> None:
    """Write the gradient of the errors in `recent` to `work.gradient`."""
    kept = recent.errors.shape[0]
    B = network.readout
    for begin, end in work.trained:
        work.gradient[begin:end] = 0
    work.d_state[:] = 0
    steps = min(length, window)
    for age in range(min(length, kept)):
        row = (length - 1 - age) % kept
        errors = recent.errors[row]
        work.d_body[:] = 0
        for error in errors:
            if error != 0:
                readout_backward(network, params.head, recent.features[row], errors, work.gradient[B:], work.d_body)
                break
        if age < steps:
            work.rows[age] = row
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
    accumulate(network.body, recent.tape, 0, work.deltas, 0, work.rows[:steps], work.gradient[:B])
