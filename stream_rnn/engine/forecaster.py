"""Forecaster: what might come, an event ahead or rolled out over many, without changing anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.compiled.core import LENGTH
from stream_rnn.compiled.rollout import Next, Rollout, peek
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.compiled.core import Core
    from stream_rnn.engine.intake import Intake
    from stream_rnn.engine.state import Memory
    from stream_rnn.settings.engine import Settings

_FIRST = np.zeros(1, np.int64)
"""The slot of a core's first stream."""


class Forecaster:
    """Forecasts from what an engine remembers.

    Parameters
    ----------
    settings
        The engine's.
    memory
        What it remembers.
    intake
        What takes in the events that might come.
    """

    def __init__(self, settings: Settings, memory: Memory, intake: Intake) -> None:
        self._settings = settings
        self._memory = memory
        self._intake = intake
        self._width = math.prod(settings.forecast_shape)
        self._slot = np.zeros(1, np.int64)
        self._once = Rollout(0.0, np.zeros(1), np.zeros(1, np.int64))

    def predict(self, key: Hashable, x: Any, time: Any) -> NDArray[np.float64]:
        """Return the forecast of `Engine.predict`."""
        return self._roll(key, x, time, self._once)[0]

    def generate(self, key: Hashable, x: Any, time: Any, *, steps: int, temperature: float, seed: int) -> NDArray[Any]:
        """Return the forecasts, or classes, of `Engine.generate`."""
        rollout = _rollout(self._settings, steps, temperature, seed)
        made = self._roll(key, x, time, rollout)
        return rollout.picks if self._settings.categorical else made[:, 0]

    def predict_many(self, keys: Any, X: ArrayLike, times: ArrayLike | None) -> NDArray[np.float64]:
        """Return the forecasts of `Engine.predict_many`."""
        several, coming = self._intake.all_coming(keys, X, times)
        memory = self._memory
        found = [memory.streams.find(key) for key in several]
        slots = np.array([-1 if slot is None else slot for slot in found], np.int64)
        made = np.empty((len(slots), self._width))
        known = slots >= 0
        if known.any():
            made[known] = self._peek(memory.core, slots[known], coming.x[known], coming.times[known])
        if not known.all():
            strange = ~known
            first = np.zeros(strange.sum(), np.int64)
            made[strange] = self._peek(memory.stranger(), first, coming.x[strange], coming.times[strange])
        return made.reshape(len(slots), *self._settings.forecast_shape)

    def _peek(
        self, core: Core, slots: NDArray[np.int64], x: NDArray[np.float64], times: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the forecasts (N, O) of events that might come, of the streams in these slots of a core."""
        out = np.empty((len(slots), 1, self._width))
        peek(core, slots, Next(x, times, there=True), self._once, out)
        return out[:, 0]

    def warmup(self) -> None:
        """Compile the kernels, or load them from the disk."""
        event = Next(np.zeros((1, len(self._settings.inputs))), np.full(1, math.nan), there=True)
        peek(self._memory.stranger(), _FIRST, event, self._once, np.empty((1, 1, self._width)))

    def _roll(self, key: Hashable, x: Any, time: Any, rollout: Rollout) -> NDArray[np.float64]:
        """Return the forecasts of each step, (steps, *forecast_shape)."""
        streams, lookahead = self._memory.streams, self._settings.lookahead
        slot, event = streams.find(key), self._intake.coming(x, time)
        if x is None and (slot is None or streams.arenas["clock"][slot, LENGTH] == 0):
            few = f"at most {lookahead} events" if lookahead else "no event"
            raise DataError(f"no forecast for stream {key!r}: its sequence has had {few} yet")
        steps = len(rollout.draws)
        out = np.empty((1, steps, self._width))
        if slot is None:
            peek(self._memory.stranger(), _FIRST, event, rollout, out)
        else:
            self._slot[0] = slot
            peek(self._memory.core, self._slot, event, rollout, out)
        return out.reshape(steps, *self._settings.forecast_shape)


def _rollout(settings: Settings, steps: int, temperature: float, seed: int) -> Rollout:
    """Return how to roll out; refuse what is no number of steps, no temperature or no seed."""
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
