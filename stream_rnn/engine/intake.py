"""Events: what a caller hands over, checked against the settings, as the arrays that the kernels take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.rollout import Next
from stream_rnn.compiled.step import Batch
from stream_rnn.engine import conversions
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence, Sized

    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.settings.engine import Settings


_NONE = Next(np.empty((1, 0)), np.full(1, math.nan), there=False)
"""No event that might come."""


class Events(NamedTuple):
    """A batch of events, checked."""

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


def blank(settings: Settings) -> Batch:
    """Return a batch of one, to be filled in."""
    return Batch(
        np.zeros(1, np.int64),
        np.zeros(1, np.uint8),
        np.zeros((1, len(settings.inputs))),
        np.zeros((1, len(settings.target_names))),
        np.full(1, math.nan),
    )


class Intake:
    """Takes in events: one, one that might come, or a batch. What does not fit the settings is a `DataError`.

    Parameters
    ----------
    settings
        Inputs, targets and task; classes and ids.
    vocabulary
        What numbers the tokens of an embedding; None without one.
    """

    def __init__(self, settings: Settings, vocabulary: Vocabulary | None) -> None:
        self._settings = settings
        self._vocabulary = vocabulary
        self._inputs, self._targets = settings.inputs, settings.target_names
        self._names = frozenset(self._inputs + self._targets)
        places = {name: place for place, name in enumerate(self._inputs)}
        self._target_inputs = [places.get(name, -1) for name in self._targets]
        self._targets_are_inputs = settings.task == "forecast" and -1 not in self._target_inputs
        self._limited = settings.tokens or settings.categorical
        self._coming = Next(np.empty((1, len(self._inputs))), np.empty(1), there=True)

    def one(self, row: Batch, x: Any, y: Any, time: Any) -> None:
        """Write the values and the time of an event, as of `Engine.step`, to a batch of one."""
        if self._vocabulary is not None:
            x = conversions.with_ids(x, self._inputs[0], self._vocabulary, learn=True)
            if self._targets == self._inputs:
                y = conversions.with_ids(y, self._inputs[0], self._vocabulary, learn=True)
        conversions.fill(row.x[0], x, self._inputs, self._names, "x")
        if y is not None:
            conversions.fill(row.y[0], y if hasattr(y, "__len__") else (y,), self._targets, self._names, "y")
        elif self._targets_are_inputs:
            row.y[0] = row.x[0, self._target_inputs]
        elif self._settings.task == "forecast":
            conversions.fill(row.y[0], x, self._targets, self._names, "x")
        else:
            row.y[0] = math.nan
        if self._limited:
            self._check(row.x, row.y)
        row.times[0] = math.nan if time is None else conversions.seconds(time)

    def coming(self, x: Any, time: Any) -> Next:
        """Return an event that might come, as of `Engine.predict`; x None for none. Unknown tokens stay so.

        The next one is written over it.
        """
        if x is None:
            if time is not None:
                raise DataError(f"time is that of an event that might come: x is needed, too, got time {time!r} alone")
            return _NONE
        self._refuse_lookahead("x")
        coming = self._coming
        if self._vocabulary is not None:
            x = conversions.with_ids(x, self._inputs[0], self._vocabulary, learn=False)
        conversions.fill(coming.x[0], x, self._inputs, self._names, "x")
        if self._limited:
            self._check(coming.x)
        coming.times[0] = math.nan if time is None else conversions.seconds(time)
        return coming

    def all_coming(self, keys: Any, X: ArrayLike, times: ArrayLike | None) -> tuple[Sequence[Hashable], Next]:
        """Return the streams of many events that might come, each by itself, and these, as of `Engine.predict_many`."""
        self._refuse_lookahead("X")
        x = conversions.matrix(X, len(self._inputs), "X")
        several, moments = _several(keys, len(x)), conversions.times(times, len(x))
        _check_lengths(len(x), times=moments, keys=several)
        if self._limited:
            self._check(x)
        return several, Next(x, moments, there=True)

    def _refuse_lookahead(self, name: str) -> None:
        lookahead = self._settings.lookahead
        if lookahead:
            raise DataError(f"{name} must be left out with lookahead: {lookahead} events have to come after it")

    def batch(
        self, keys: Any, X: ArrayLike, Y: ArrayLike | None, times: ArrayLike | None, ends: ArrayLike | None
    ) -> Events:
        """Return events, as of `Engine.process`, as arrays that fit together."""
        x = conversions.matrix(X, len(self._inputs), "X")
        count = len(x)
        y = self._targets_of(x) if Y is None else conversions.matrix(Y, len(self._targets), "Y")
        moments = conversions.times(times, count)
        flags = np.zeros(count, np.bool_) if ends is None else np.asarray(ends, np.bool_)
        several = _several(keys, count)
        _check_lengths(count, Y=y, times=moments, ends=flags, keys=several)
        if self._limited:
            self._check(x, y)
        return Events(several, x, y, moments, flags)

    def _targets_of(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the targets (N, D) of events that bring none but their inputs (N, I)."""
        if self._targets_are_inputs:
            return x if self._target_inputs == list(range(x.shape[1])) else x[:, self._target_inputs]
        if self._settings.task == "forecast":
            raise DataError(f"Y is needed: not every target ({', '.join(self._targets)}) is an input")
        return np.full((len(x), len(self._targets)), math.nan)

    def _check(self, x: NDArray[np.float64], y: NDArray[np.float64] | None = None) -> None:
        """Refuse what would index beyond the tables: x (N, I) that are no ids, y (N, D) that are no classes."""
        settings = self._settings
        if settings.tokens:
            conversions.check_whole(x, settings.vocabulary, "an id", self._inputs)
        if settings.categorical and y is not None:
            conversions.check_whole(y, settings.classes, "a class", self._targets)


def _several(keys: Any, count: int) -> list[Any]:
    """Return the key of each event, of as many or of one that stands for all."""
    return [keys] * count if isinstance(keys, (str, int)) else conversions.plain_keys(keys)


def _check_lengths(count: int, **columns: Sized) -> None:
    """Refuse columns that are not as long as X."""
    for name, column in columns.items():
        if len(column) != count:
            raise DataError(f"{name} must be as many as X's {count} rows, got {len(column)}")
