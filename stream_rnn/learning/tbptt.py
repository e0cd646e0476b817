"""Truncated backpropagation through time, TBPTT(h; h') (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490).

Every h' events of a stream, the errors that arrived since the last update are injected at the events whose forecasts
they belong to, and carried back through the newest h events of the sequence. An error that belongs to an older event (a
horizon longer than the window) trains the readout alone. The loss of an update is the mean over the events at which
errors arrived.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import dot
from stream_rnn.layers.layer import accumulate, backward
from stream_rnn.layers.network import Network, readout_backward
from stream_rnn.learning.clipping import Clip, clip_factor, clip_values
from stream_rnn.learning.optimizers import Optimizer, step
from stream_rnn.learning.penalties import Penalties, add_penalties, decay

if TYPE_CHECKING:
    from stream_rnn.learning.losses import Loss


class Learner(NamedTuple):
    """How weights are learned."""

    window: int
    """h, the events that an error is carried back through."""
    every: int
    """h', the events between two updates."""
    loss: Loss
    clip: Clip
    penalties: Penalties
    optimizer: Optimizer


class Weights(NamedTuple):
    """A network's weights and what the optimizer remembers of them."""

    params: Any
    """(P,)"""
    moments: Any
    """(m, P), m as `optimizers.MOMENTS`"""
    updates: Any
    """(1,) number of updates so far"""


class Recent(NamedTuple):
    """The newest events of one stream, each in row (event number mod rows) of every array."""

    tape: Any
    """(rows, T)"""
    features: Any
    """(rows, F)"""
    errors: Any
    """(rows, O): dL/do that has arrived and not been learned from"""


class Work(NamedTuple):
    """Scratch of one engine; holds nothing from one event to the next."""

    x: Any
    """(I,) scaled input, of an event and of the lookahead's after it"""
    outputs: Any
    """(O,)"""
    deltas: Any
    """(rows, D)"""
    rows: Any
    """(window,) the window's rows, newest first"""
    gradient: Any
    """(P,)"""
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


@inner
def update(
    network: Network, learner: Learner, weights: Weights, recent: Recent, length: int, events: int, work: Work
) -> bool:
    """Learn from the errors in `recent` and clear them; return whether the weights were changed.

    The sequence has had `length` events so far; errors arrived at `events` of them. A gradient that is not finite
    changes nothing.
    """
    backpropagate(network, learner.window, weights.params, recent, length, work)
    return _descend(learner, weights, 1.0 / events, work)


@inner
def _descend(learner: Learner, weights: Weights, factor: float, work: Work) -> bool:
    """Change the trained weights by factor * work.gradient, unless that is not finite; return whether it was."""
    square = 0.0
    for begin, end in work.trained:
        gradient = work.gradient[begin:end]
        add_penalties(learner.penalties, factor, weights.params[begin:end], work.penalised[begin:end], gradient)
        square += dot(gradient, gradient)
    factor = clip_factor(learner.clip, square, factor)
    if math.isnan(factor):
        return False
    weights.updates[0] += 1
    for begin, end in work.trained:
        clip_values(learner.clip, work.gradient[begin:end], factor)
        penalised = work.penalised[begin:end]
        decay(learner.penalties, learner.optimizer.learning_rate, weights.params[begin:end], penalised)
        count = weights.updates[0]
        step(learner.optimizer, weights.params, weights.moments, work.gradient, begin, end, factor, count)
    return True


@inner
def backpropagate(network: Network, window: int, params: Any, recent: Recent, length: int, work: Work) -> None:
    """Write the gradient of the errors in `recent` to `work.gradient`, and clear them."""
    kept = recent.errors.shape[0]
    body = params[: network.readout]
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
                readout_backward(network, params, recent.features[row], errors, work.gradient, work.d_body)
                errors[:] = 0
                break
        if age < steps:
            work.rows[age] = row
            backward(
                network.body,
                body,
                recent.tape[row],
                work.d_body,
                work.d_state,
                work.deltas[row],
                work.d_input,
            )
    accumulate(network.body, recent.tape, 0, work.deltas, 0, work.rows[:steps], work.gradient[: network.readout])
