"""What might come, compiled: forecasts of events that are not there, one ahead or rolled out over many.

An event that might come is seen, the state advances, and the outputs become a forecast, as in `online`; but in room of
its own, so that the stream does not change.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stream_rnn.compiled.core import LENGTH, PENDING
from stream_rnn.compiled.step import fade, finite, params_of, scales_of, tell
from stream_rnn.kernels.jit import entry, inner
from stream_rnn.layers.network import infer
from stream_rnn.learning.inputs import Past, show
from stream_rnn.learning.losses import LossKind
from stream_rnn.learning.scaling import known


class Rollout(NamedTuple):
    """How forecasts of several steps become the inputs that follow."""

    temperature: float
    """Classes are drawn from p^(1/T); at 0 the likeliest is taken."""
    draws: Any
    """(steps,) float64, a uniform number in [0, 1) for each draw"""
    picks: Any
    """(steps,) int64, takes the classes; of forecasts of numbers there are none"""


class Next(NamedTuple):
    """Events that might come, each by itself."""

    x: Any
    """(N, I) float64"""
    times: Any
    """(N,) float64, NaN for as long after the last event as that came after the one before"""
    there: bool
    """Whether there are any; the last ones stand for them if not."""


class Trial(NamedTuple):
    """Room for what a stream would become."""

    state: Any
    """(S,)"""
    tape: Any
    """(T,)"""
    features: Any
    """(F,)"""
    last_y: Any
    """(D,) float64"""
    history: Any
    """(kept, I) float64"""
    x: Any
    """(I,) float64"""


@entry
def peek(core: Any, slots: Any, coming: Next, rollout: Rollout, out: Any) -> None:
    """Forecast N events that might come, of the streams in `slots` (N,), to `out` (N, steps, O), without a trace.

    Row i of a forecast is that i events on: row 0 is the newest forecast again, or, where there is an event that might
    come, the one after it. In the events after that, input c is the last forecast of target task.feedback[c], one event
    ahead (of classes, the one that was picked), or what it was before if that is -1; they follow each other as the
    stream's last two did.
    """
    trial = Trial(
        np.empty_like(core.state[0]),
        np.empty_like(core.tape[0, 0]),
        np.empty_like(core.features[0, 0]),
        np.empty_like(core.last_y[0]),
        np.empty_like(core.history[0]),
        np.empty_like(core.history[0, 0]),
    )
    for n in range(slots.shape[0]):
        slot = slots[n]
        trial.state[:] = core.state[slot]
        trial.last_y[:] = core.last_y[slot]
        trial.history[:] = core.history[slot]
        if coming.there:
            trial.x[:] = coming.x[n]
        else:
            trial.x[:] = trial.history[(_place(core, slot) - 1) % trial.history.shape[0]]
        _roll(core, slot, trial, coming.times[n], coming.there, rollout, out[n])


@inner
def _place(core: Any, slot: int) -> int:
    """Return how many events a stream's sequence has had."""
    return core.clock[slot, LENGTH] + core.clock[slot, PENDING]


@inner
def _roll(core: Any, slot: int, trial: Trial, at: float, there: bool, rollout: Rollout, out: Any) -> None:
    """Forecast the event in `trial`, where one might come, at a time that may be NaN, and those after it."""
    network, task, params = core.network, core.task, params_of(core, slot)
    state, tape, features, last_y, history, x = trial
    past, outputs = Past(core.input_moments[slot], history), core.work.outputs
    gap, place = core.gap[slot], _place(core, slot)
    passed = _until(core, slot, at)
    time = at if known(at) else core.time[slot] + gap
    classes, feedback = core.learner.loss.kind == LossKind.SOFTMAX, task.feedback
    if passed > task.reset_after and known(at):
        state[:] = 0
        last_y[:] = math.nan
        place = 0
    for i in range(out.shape[0]):
        if i == 0 and not there:
            out[0] = core.forecast[slot]
        else:
            for c in range(feedback.shape[0]):
                if feedback[c] >= 0 and i > 0:
                    fed = out[i - 1, feedback[c] * task.width + task.point]
                    x[c] = rollout.picks[i - 1] if classes else fed
                if feedback[c] >= 0 and known(x[c]):
                    last_y[feedback[c]] = x[c]
            history[place % history.shape[0]] = x
            show(core.inputs, past, place, passed, time, core.work.x)
            place += 1
            fade(task, state, passed)
            passed = gap
            time += gap
            infer(network, params, core.work.x, state, tape, features, outputs)
            if not (finite(state[: task.remembered]) and finite(outputs)):
                state[:] = 0
                outputs[:] = 0
            tell(core, scales_of(core, slot), last_y, outputs, out[i])
        if classes:
            rollout.picks[i] = _pick(out[i, : task.width], rollout.temperature, rollout.draws[i])


@inner
def _until(core: Any, slot: int, at: float) -> float:
    """Return the seconds from the stream's last event to one that might come, NaN where they are not known."""
    if not known(at):
        return core.gap[slot]
    return max(at - core.time[slot], 0.0) if known(core.time[slot]) else math.nan


@inner
def _pick(p: Any, temperature: float, draw: float) -> int:
    """Return a class by the probabilities p (classes,): by p^(1/T)'s cumulative distribution, inverted at `draw`."""
    likeliest = 0
    for k in range(1, p.shape[0]):
        if p[k] > p[likeliest]:
            likeliest = k
    if temperature == 0.0:
        return likeliest
    total = 0.0
    for k in range(p.shape[0]):
        total += (p[k] / p[likeliest]) ** (1.0 / temperature)
    rest = draw * total
    for k in range(p.shape[0]):
        rest -= (p[k] / p[likeliest]) ** (1.0 / temperature)
        if rest < 0.0:
            return k
    return likeliest  # the sums were rounded
