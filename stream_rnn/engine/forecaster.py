"""Forecaster: forecasts at hypothetical events, one event ahead or rolled out over many, without changing anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.compiled.rollout import HypotheticalEvents, Rollout, roll_out, scratch_of
from stream_rnn.compiled.state import Clock
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.compiled.core import Core
    from stream_rnn.engine.intake import Intake
    from stream_rnn.engine.state import EngineState
    from stream_rnn.settings.engine import Settings

_FIRST_SLOT = np.zeros(1, np.int64)


class Forecaster:
    """Forecasts from an engine's state.

    Parameters
    ----------
    settings
        Settings of the engine.
    state
        Its state.
    intake
        Checks hypothetical events.
    """

    def __init__(self, settings: Settings, state: EngineState, intake: Intake) -> None:
        self._settings = settings
        self._state = state
        self._intake = intake
        self._width = math.prod(settings.forecast_shape)
        self._slot = np.zeros(1, np.int64)
        self._scratch = scratch_of(state.parts.rows)
        self._one_step = Rollout(0.0, np.zeros(1), np.zeros(1, np.int64))

    def predict(self, key: Hashable, x: Any, time: Any) -> NDArray[np.float64]:
        """Return the forecast of `Engine.predict`."""
        return self._roll_out(key, x, time, self._one_step)[0]

    def generate(self, key: Hashable, x: Any, time: Any, *, steps: int, temperature: float, seed: int) -> NDArray[Any]:
        """Return the forecasts, or classes, of `Engine.generate`."""
        rollout = _rollout(self._settings, steps, temperature, seed)
        forecasts = self._roll_out(key, x, time, rollout)
        return rollout.picks if self._settings.categorical else forecasts[:, 0]

    def predict_many(self, keys: Any, X: ArrayLike, times: ArrayLike | None) -> NDArray[np.float64]:
        """Return the forecasts of `Engine.predict_many`."""
        key_list, events = self._intake.from_predict_many(keys, X, times)
        state = self._state
        found = [state.streams.find(key) for key in key_list]
        slots = np.array([-1 if slot is None else slot for slot in found], np.int64)
        forecasts = np.empty((len(slots), self._width))
        known = slots >= 0
        if known.any():
            forecasts[known] = self._at(state.core, slots[known], events.x[known], events.times[known])
        if not known.all():
            unknown = ~known
            first = np.zeros(unknown.sum(), np.int64)
            forecasts[unknown] = self._at(state.fresh_core(), first, events.x[unknown], events.times[unknown])
        return forecasts.reshape(len(slots), *self._settings.forecast_shape)

    def warmup(self) -> None:
        """Compile the kernels, or load them from the cache."""
        event = HypotheticalEvents(np.zeros((1, len(self._settings.inputs))), np.full(1, math.nan), exist=True)
        out = np.empty((1, 1, self._width))
        roll_out(self._state.fresh_core(), _FIRST_SLOT, event, self._one_step, self._scratch, out)

    def _at(
        self, core: Core, slots: NDArray[np.int64], x: NDArray[np.float64], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the forecasts (N, O) made at hypothetical events of the streams in these slots of a core."""
        out = np.empty((len(slots), 1, self._width))
        roll_out(core, slots, HypotheticalEvents(x, times, exist=True), self._one_step, self._scratch, out)
        return out[:, 0]

    def _roll_out(self, key: Hashable, x: Any, time: Any, rollout: Rollout) -> NDArray[np.float64]:
        """Return the forecasts of each step, (steps, *forecast_shape)."""
        streams, lookahead = self._state.streams, self._settings.lookahead
        slot, event = streams.find(key), self._intake.from_predict(x, time)
        if x is None and self._state.clock(key, Clock.LENGTH) == 0:
            few = f"at most {lookahead} events" if lookahead else "no event"
            raise DataError(f"no forecast for stream {key!r}: its sequence has had {few} so far")
        steps = len(rollout.draws)
        out = np.empty((1, steps, self._width))
        if slot is None:
            roll_out(self._state.fresh_core(), _FIRST_SLOT, event, rollout, self._scratch, out)
        else:
            self._slot[0] = slot
            roll_out(self._state.core, self._slot, event, rollout, self._scratch, out)
        return out.reshape(steps, *self._settings.forecast_shape)


def _rollout(settings: Settings, steps: int, temperature: float, seed: int) -> Rollout:
    """Return the rollout of `Engine.generate`; refuse arguments that are not allowed."""
    if settings.task != "forecast":
        raise DataError(f"generate is for forecasts only, got task {settings.task}")
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise DataError(f"steps must be at least 1, got {steps!r}")
    if not isinstance(temperature, (int, float, np.number)) or not 0 <= temperature < math.inf:
        raise DataError(f"temperature must be at least 0, got {temperature!r}")
    if temperature > 0 and not settings.categorical:
        raise DataError(f"temperature is for forecasts by softmax, got {temperature!r} for {settings.loss_name}")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise DataError(f"seed must be at least 0, got {seed!r}")
    draws = np.random.default_rng(seed).random(steps)
    return Rollout(float(temperature), draws, np.zeros(steps, np.int64))
