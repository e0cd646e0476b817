"""Intake: checks events against the settings, and converts them to the arrays that the kernels take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.rollout import HypotheticalEvents
from stream_rnn.compiled.step import EventBuffers
from stream_rnn.engine import conversions
from stream_rnn.engine.row import Row
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence, Sized

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.settings.engine import Settings


_NO_EVENT = HypotheticalEvents(np.empty((1, 0)), np.full(1, math.nan), exist=False)


class Events(NamedTuple):
    """A batch of N events that were checked."""

    keys: Sequence[Hashable]
    """(N,)"""
    x: NDArray[np.float64]
    """(N, I)"""
    y: NDArray[np.float64]
    """(N, D)"""
    times: NDArray[np.float64]
    """(N,)"""
    ends: NDArray[np.bool_]
    """(N,)"""
    weights: NDArray[np.float64]
    """(N,), or (0,) if all are 1"""

    def rows(self, index: slice) -> Events:
        """Return some of the events."""
        return Events(
            self.keys[index],
            self.x[index],
            self.y[index],
            self.times[index],
            self.ends[index],
            self.weights[index],
        )


def blank_event(settings: Settings) -> EventBuffers:
    """Return buffers for a single event, to be filled in."""
    return EventBuffers(
        slots=np.zeros(1, np.int64),
        ops=np.zeros(1, np.uint8),
        x=np.zeros((1, len(settings.inputs))),
        y=np.zeros((1, len(settings.target_names))),
        times=np.full(1, math.nan),
        weights=np.ones(1),
    )


class Intake:
    """Checks and converts events. What does not fit the settings is a `DataError`.

    Parameters
    ----------
    settings
        Settings of the engine: inputs, targets, task, classes, vocabulary size.
    vocabulary
        Ids of the tokens of an embedding; None without one.
    """

    def __init__(self, settings: Settings, vocabulary: Vocabulary | None) -> None:
        self._settings = settings
        self._vocabulary = vocabulary
        self._inputs, self._targets = settings.inputs, settings.target_names
        places = {name: place for place, name in enumerate(self._inputs)}
        self._target_inputs = [places.get(name, -1) for name in self._targets]
        self._targets_are_inputs = settings.task == "forecast" and -1 not in self._target_inputs
        self._targets_are_all_inputs = self._targets_are_inputs and self._targets == self._inputs
        self._has_ids = settings.tokens or settings.categorical
        self._weight = 1.0
        self.event = blank_event(settings)
        """The buffers of a single event."""
        self._hypothetical = HypotheticalEvents(np.empty((1, len(self._inputs))), np.empty(1), exist=True)
        names = frozenset(self._inputs + self._targets)
        self._x = Row(self.event.x[0], self._inputs, names, "x")
        self._y = Row(self.event.y[0], self._targets, names, "y")
        self._y_in_x = Row(self.event.y[0], self._targets, names, "x")
        self._hypothetical_x = Row(self._hypothetical.x[0], self._inputs, names, "x")

    def __reduce__(self) -> tuple[type[Intake], tuple[Settings, Vocabulary | None]]:
        """Make a copy from the settings, since its rows have to be views of its own buffers."""
        return Intake, (self._settings, self._vocabulary)

    def from_step(self, x: Any, y: Any, time: Any, w: Any) -> EventBuffers:
        """Return an event with the values, the time and the weight that are passed to `Engine.step`.

        The buffers are reused by the next call.
        """
        event = self.event
        if self._vocabulary is not None:
            x = conversions.with_ids(x, self._inputs[0], self._vocabulary, learn=True)
            if self._targets == self._inputs:
                y = conversions.with_ids(y, self._inputs[0], self._vocabulary, learn=True)
        self._x.fill(x)
        if y is not None:
            self._y.fill(y if hasattr(y, "__len__") else (y,))
        elif self._targets_are_all_inputs:
            event.y[:] = event.x
        elif self._targets_are_inputs:
            event.y[0] = event.x[0, self._target_inputs]
        elif self._settings.task == "forecast":
            self._y_in_x.fill(x)
        else:
            event.y[0] = math.nan
        if self._has_ids:
            self._check_ids(event.x, event.y)
        event.times[0] = math.nan if time is None else conversions.seconds(time)
        if w != self._weight:
            event.weights[:] = self._checked_weights([w])
            self._weight = w
        return event

    def from_predict(self, x: Any, time: Any) -> HypotheticalEvents:
        """Return a hypothetical event, as passed to `Engine.predict`; x None for none. No token is learned.

        The buffers are reused by the next call.
        """
        if x is None:
            if time is not None:
                raise DataError(f"time is that of a hypothetical event: pass its inputs x as well, got time {time!r}")
            return _NO_EVENT
        self._refuse_lookahead("x")
        event = self._hypothetical
        if self._vocabulary is not None:
            x = conversions.with_ids(x, self._inputs[0], self._vocabulary, learn=False)
        self._hypothetical_x.fill(x)
        if self._has_ids:
            self._check_ids(event.x)
        event.times[0] = math.nan if time is None else conversions.seconds(time)
        return event

    def hypothetical_targets(self, x: Any) -> NDArray[np.float64]:
        """Return the targets (D,) of a hypothetical event, NaN where they are not inputs; (0,) if x is None."""
        if x is None:
            return np.empty(0)
        values = self.from_predict(x, None).x[0]
        return np.array([values[place] if place >= 0 else math.nan for place in self._target_inputs])

    def from_predict_many(
        self, keys: Any, X: ArrayLike, times: ArrayLike | None
    ) -> tuple[Sequence[Hashable], HypotheticalEvents]:
        """Return the streams of many hypothetical events, and these, as passed to `Engine.predict_many`."""
        self._refuse_lookahead("X")
        x = conversions.matrix(X, self._inputs, "X")
        key_list, seconds = _key_list(keys, len(x)), conversions.times(times, len(x))
        _check_lengths(len(x), times=seconds, keys=key_list)
        if self._has_ids:
            self._check_ids(x)
        return key_list, HypotheticalEvents(x, seconds, exist=True)

    def from_process(
        self,
        keys: Any,
        X: ArrayLike,
        Y: ArrayLike | None,
        times: ArrayLike | None,
        ends: ArrayLike | None,
        w: ArrayLike | None = None,
    ) -> Events:
        """Return a batch of events, as passed to `Engine.process`."""
        x = conversions.matrix(X, self._inputs, "X")
        count = len(x)
        y = self._targets_from(x) if Y is None else conversions.matrix(Y, self._targets, "Y")
        seconds = conversions.times(times, count)
        flags = np.zeros(count, np.bool_) if ends is None else np.asarray(ends, np.bool_)
        key_list = _key_list(keys, count)
        _check_lengths(count, Y=y, times=seconds, ends=flags, keys=key_list)
        weights = np.empty(0) if w is None else self._checked_weights(w)
        if w is not None:
            _check_lengths(count, w=weights)
        if self._has_ids:
            self._check_ids(x, y)
        return Events(key_list, x, y, seconds, flags, weights)

    def _checked_weights(self, w: ArrayLike) -> NDArray[np.float64]:
        """Return the weights (N,) of events."""
        settings = self._settings
        if settings.lookahead:
            raise DataError("w is not for bidirectional layers, which learn from an event later: leave it out")
        if settings.readout == "rls" and settings.update_every > 1:
            raise DataError(f"w needs update_every 1 with readout rls, got {settings.update_every}: leave it out")
        return conversions.weights(w)

    def _refuse_lookahead(self, name: str) -> None:
        lookahead = self._settings.lookahead
        if lookahead:
            raise DataError(f"{name} must be omitted with a lookahead: {lookahead} more events would have to follow it")

    def _targets_from(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the targets (N, D) of events that are given by their inputs x (N, I) only."""
        if self._targets_are_inputs:
            return x if self._target_inputs == list(range(x.shape[1])) else x[:, self._target_inputs]
        if self._settings.task == "forecast":
            raise DataError(f"Y is required: not every target ({', '.join(self._targets)}) is an input")
        return np.full((len(x), len(self._targets)), math.nan)

    def _check_ids(self, x: NDArray[np.float64], y: NDArray[np.float64] | None = None) -> None:
        """Refuse ids x (N, I) and classes y (N, D) that would index beyond their tables."""
        settings = self._settings
        if settings.tokens:
            conversions.check_whole(x, settings.vocabulary, "an id", self._inputs)
        if settings.categorical and y is not None:
            conversions.check_whole(y, settings.classes, "a class", self._targets)


def _key_list(keys: Any, count: int) -> list[Any]:
    """Return the key of each event, where one string or integer stands for all."""
    return [keys] * count if isinstance(keys, (str, int)) else conversions.plain_keys(keys)


def _check_lengths(count: int, **columns: Sized) -> None:
    """Refuse columns that are not as long as X."""
    for name, column in columns.items():
        if len(column) != count:
            raise DataError(f"{name} must be as long as X ({count} rows), got {len(column)}")
