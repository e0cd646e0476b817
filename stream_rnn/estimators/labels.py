"""Labels: what river's regressors and classifiers over an engine have in common, be it one event or a data frame."""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.conversions import seconds
from stream_rnn.errors import DataError
from stream_rnn.estimators.frames import Frame, listed
from stream_rnn.estimators.recurrent import ALONE, Recurrent, checked, flag, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from stream_rnn.estimators.features import Column


NUMBERS: Mapping[str, Any] = {"readout": "rls", "skip": True}
"""Settings of labels that are numbers: a linear model of state and features by recursive least squares."""


class Rows(NamedTuple):
    """The events of a frame."""

    table: dict[Hashable, Column]
    keys: list[Any]
    times: NDArray[np.float64]
    """(N,)"""
    ends: NDArray[np.bool_]
    """(N,)"""


class Labels(Recurrent):
    """A recurrent network that tells something of the event at hand; the parameters are those of `Recurrent`."""

    def learn_one(
        self,
        x: Mapping[Any, Any],
        y: Any,
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,
    ) -> None:
        """Take one event and learn from it.

        Parameters
        ----------
        x
            Features: numbers, text, None or NaN where they are missing; a datetime is the event's time.
        y
            What is to be told of it; None or NaN where it is missing: the event is taken, and nothing learned.
        key
            The stream.
        time
            Seconds since the Unix epoch, or a datetime.
        end
            Whether the stream's sequence ends with this event.

        Raises
        ------
        DataError
            For a value that is none.
        """
        self._learn(x, y, key, time, end)

    def learn_many(self, X: Any, y: Any, key: Any = None, time: Any = None, end: Any = None) -> None:
        """Learn from the rows of a data frame as from one event after another, to the bit.

        Parameters
        ----------
        X
            Features, a row for each event.
        y
            What is to be told of each: a series, array or list.
        key
            The stream of each event, or a string or a whole number for all.
        time, end
            Those of each event: a series, array or list.

        Raises
        ------
        DataError
            As `learn_one`, or for lengths that do not fit together.
        """
        frame = Frame(X)
        self._learn_rows(self._rows(frame, key, time, end), listed(y, "y", len(frame)))

    @abstractmethod
    def _unmet(self, ys: list[Any]) -> set[int]:
        """Return at which of many targets there are new ones, once all are known to be targets."""

    def _rows(self, frame: Frame, key: Any, time: Any, end: Any) -> Rows:
        """Return the events of a frame: each said, as its fields say, or at the one time, as for one event."""
        count, told = len(frame), []
        for said, field in ((key, self.key_field), (time, self.time_field), (end, self.end_field)):
            told.append(frame.listed(field) if said is None else said)
        keys, times, ends = told
        if keys is None and self.key_field is not None:
            raise DataError(f"X must have {self.key_field!r}, which tells the streams")
        if times is None and self.time_field is None and (columns := frame.times):
            times = columns[one_of(list(columns))]
        if keys is None or isinstance(keys, (str, int)):
            keys = [ALONE if keys is None else keys] * count
        else:
            keys = [checked(one) for one in listed(keys, "key", count)]
        moments = np.full(count, math.nan) if times is None else _array(_seconds, times, "time", count)
        flags = np.zeros(count, np.bool_) if ends is None else _array(flag, ends, "end", count).astype(np.bool_)
        return Rows(frame.features(self._features.fields), keys, moments, flags)

    def _learn_rows(self, rows: Rows, ys: list[Any]) -> None:
        """Learn from many events, as from one after another: where something new shows up, the engine grows."""
        features, count = self._features, len(rows.keys)
        emerging, unmet = features.emerging(rows.table), self._unmet(ys)
        begins = sorted({0, *emerging, *unmet}) if count else []
        for start, stop in pairwise([*begins, count]):
            new = start in unmet and self._meet(ys[start])[0]
            if start in emerging and features.add(*emerging[start]):
                new = True
            engine = self._adapt() if self._engine is None or new else self._engine
            part = slice(start, stop)
            X, Y = features.matrix(rows.table, part), self._targets(ys[part])
            engine.process(rows.keys[part], X, Y, rows.times[part], rows.ends[part])

    def _targets(self, ys: list[Any]) -> NDArray[np.float64]:
        """Return the engine's targets (n, D) for river's, which were met."""
        return np.array([self._meet(y)[1] for y in ys])

    def _peek_rows(self, frame: Frame, key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the engine's forecast of each of many events that might come, (N, *forecast_shape)."""
        rows = self._rows(frame, key, time, None)
        if self._engine is None:
            return None
        X = self._features.matrix(rows.table, slice(0, len(frame)))
        return self._engine.predict_many(rows.keys, X, rows.times)


def _array(convert: Callable[[Any], float], values: Any, what: str, count: int) -> NDArray[Any]:
    """Return what becomes of each row's value."""
    return np.array([convert(value) for value in listed(values, what, count)])


def _seconds(time: Any) -> float:
    return math.nan if time is None else seconds(time)
