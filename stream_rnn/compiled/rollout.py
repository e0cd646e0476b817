"""Forecasts of hypothetical events, compiled: one event ahead, or rolled out over many.

A hypothetical event is seen, the state advances, and the outputs become a forecast, by the functions of `step`; but on
scratch memory, so that the stream does not change.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.forecast import Known, forecast_event, pick_class
from stream_rnn.compiled.step import fade, params_of, past_of, place_of, scales_of
from stream_rnn.kernels.jit import entry, inner
from stream_rnn.learning.inputs import PastInputs, encode_event
from stream_rnn.learning.scaling import is_known
from stream_rnn.learning.targets import TargetScales, base_after

if TYPE_CHECKING:
    from stream_rnn.compiled.state import Rows


class Rollout(NamedTuple):
    """How forecasts become the inputs of the events that follow."""

    temperature: float
    """classes are drawn from p^(1/T), where `Top` is set among those (Fan et al. 2018); at 0 the likeliest is taken"""
    draws: Any
    """(steps,) float64, a uniform number in [0, 1) for each draw"""
    picks: Any
    """(steps,) int64, receives the classes; unused for forecasts of numbers"""


class HypotheticalEvents(NamedTuple):
    """Events that may come next, each by itself."""

    x: Any
    """(N, I) float64"""
    times: Any
    """(N,) float64; NaN for as long after the last event as that came after the one before"""
    exist: bool
    """whether there are any; if not, rollouts start from each stream's newest forecast"""


class Scratch(NamedTuple):
    """Memory for the hypothetical state of a stream."""

    state: Any
    """(S,)"""
    tape: Any
    """(T,)"""
    features: Any
    """(F,)"""
    last_y: Any
    newest_y: Any
    jumps: Any
    """(D,) float64"""
    history: Any
    """(K, I) float64"""
    x: Any
    """(I,) float64"""


def scratch_of(rows: Rows) -> Scratch:
    """Return scratch memory for streams with these rows."""

    def part(name: str, axis: int = 0) -> Any:
        shape, dtype = rows[name]
        return np.empty(shape[axis:], dtype)

    return Scratch(
        state=part("state"),
        tape=part("tape", axis=1),
        features=part("features", axis=1),
        last_y=part("last_y"),
        newest_y=part("newest_y"),
        jumps=part("jumps"),
        history=part("history"),
        x=part("history", axis=1),
    )


@entry
def roll_out(core: Any, slots: Any, events: HypotheticalEvents, rollout: Rollout, scratch: Scratch, out: Any) -> None:
    """Forecast N hypothetical events of the streams in `slots` (N,) to `out` (N, steps, O); change nothing.

    Row i of a forecast is i events ahead: row 0 is the newest forecast, or the forecast made at the hypothetical event
    where there is one. In the events after that, input c is the last forecast, one event ahead, of target
    task.feedback[c] (for classes, the one that was picked), or keeps its value where that is -1. They follow each other
    at the distance of the stream's last two events.
    """
    for n in range(slots.shape[0]):
        slot = slots[n]
        scratch.state[:] = core.state[slot]
        scratch.last_y[:] = core.last_y[slot]
        scratch.newest_y[:] = core.newest_y[slot]
        scratch.jumps[:] = core.jumps[slot]
        scratch.history[:] = core.history[slot]
        if events.exist:
            scratch.x[:] = events.x[n]
        else:
            scratch.x[:] = scratch.history[(place_of(core, slot) - 1) % scratch.history.shape[0]]
        _roll_out(core, slot, scratch, events.times[n], events.exist, rollout, out[n])


@inner
def _roll_out(core: Any, slot: int, scratch: Scratch, at: float, exists: bool, rollout: Rollout, out: Any) -> None:
    """Forecast the event in `scratch.x`, where one exists, at a time that may be NaN, and those after it."""
    task, params, known = core.task, params_of(core, slot), scales_of(core, slot)
    state, tape, features, last_y, newest_y, jumps, history, x = scratch
    scales = TargetScales(known.moments, known.levels, known.slopes, newest_y, jumps)
    past = PastInputs(past_of(core, slot).moments, history)
    gap, place = core.gap[slot], place_of(core, slot)
    elapsed = _elapsed(core, slot, at)
    time = at if is_known(at) else core.time[slot] + gap
    if elapsed > task.reset_after and is_known(at):
        state[:] = 0
        last_y[:] = math.nan
        newest_y[:] = math.nan
        place = 0
    for i in range(out.shape[0]):
        if i == 0 and not exists:
            out[0] = core.forecast[slot]
        else:
            if i > 0:
                _feed_back(task, out[i - 1], rollout.picks[i - 1], x)
            _remember_targets(core, scales, x, last_y)
            history[place % history.shape[0]] = x
            encode_event(core.inputs, past, place, elapsed, time, core.work.x)
            place += 1
            fade(task, state, elapsed)
            elapsed = gap
            time += gap
            if not forecast_event(core, params, Known(scales, last_y), state, tape, features, out[i]):
                state[:] = 0
        if task.categorical:
            rollout.picks[i] = pick_class(core.top, task, out[i], rollout.temperature, rollout.draws[i])


@inner
def _feed_back(task: Any, forecast: Any, pick: int, x: Any) -> None:
    """Replace those inputs x (I,) that are targets by their forecast one event ahead, or by the class picked."""
    for c in range(task.feedback.shape[0]):
        if task.feedback[c] >= 0:
            x[c] = pick if task.categorical else forecast[task.feedback[c] * task.width + task.point]


@inner
def _remember_targets(core: Any, scales: TargetScales, x: Any, last_y: Any) -> None:
    for c in range(core.task.feedback.shape[0]):
        d = core.task.feedback[c]
        if d >= 0 and is_known(x[c]):
            last_y[d] = base_after(core.targets, scales, d, x[c])


@inner
def _elapsed(core: Any, slot: int, at: float) -> float:
    """Return the seconds from the stream's last event to a hypothetical one, NaN where unknown."""
    if not is_known(at):
        return core.gap[slot]
    return max(at - core.time[slot], 0.0) if is_known(core.time[slot]) else math.nan
