"""LabelEstimator: base class of the regressors and classifiers, for single events and for data frames."""

from __future__ import annotations

import math
from abc import abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from stream_rnn.engine.conversions import seconds
from stream_rnn.engine.exclusive import exclusive
from stream_rnn.errors import DataError
from stream_rnn.estimators.arguments import check_key, parse_end, single_time
from stream_rnn.estimators.recurrent import Recurrent
from stream_rnn.estimators.streaming import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from stream_rnn.estimators.features import Column
    from stream_rnn.estimators.frames import Frame

REGRESSION_SETTINGS: Mapping[str, Any] = {"readout": "rls", "skip": True}
"""For targets that are numbers: a linear readout of hidden state and features, learned by recursive least squares."""


class FrameEvents(NamedTuple):
    """The N events of a data frame."""

    table: dict[Hashable, Column]
    """the features"""
    keys: list[Any]
    """(N,)"""
    times: NDArray[np.float64]
    """(N,)"""
    ends: NDArray[np.bool_]
    """(N,)"""


class LabelEstimator(Recurrent):
    """A recurrent network whose target belongs to the event itself: a number, a class, or several numbers."""

    _min_outputs: ClassVar[int] = 1
    """Outputs of the engine before the first target is known."""

    def learn_one(
        self,
        x: Mapping[Any, Any],
        y: Any,
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,
    ) -> None:
        """Process one event and learn from it.

        Parameters
        ----------
        x
            Features: numbers and text; None and NaN are missing, and a datetime is the event's time.
        y
            The target. If it is None or NaN, the hidden state advances and nothing is learned.
        key
            The stream.
        time
            Seconds since the Unix epoch, or a datetime.
        end
            Whether the stream's sequence ends with this event.

        Raises
        ------
        DataError
            If a value cannot be used; the estimator is unchanged then.
        """
        self._learn_event(x, y, key, time, end)

    def learn_many(self, X: Any, y: Any, key: Any = None, time: Any = None, end: Any = None) -> None:
        """Learn from the rows of a data frame, with bitwise the result of calling `learn_one` for each.

        Parameters
        ----------
        X
            Features, one row per event.
        y
            Targets: a series, an array or a list.
        key
            Stream of each event, or a single string or integer for all.
        time, end
            Time and end of each event: a series, an array or a list.

        Raises
        ------
        DataError
            As `learn_one`, or if lengths differ; nothing is learned then.
        MissingExtraError
            If narwhals, which reads data frames, is not installed.
        """
        frame = open_frame(X)
        self._learn_rows(self._frame_events(frame, key, time, end), frame.row_values(y, "y"))

    @abstractmethod
    def _target_names(self, y: Any) -> Collection[Hashable]:
        """Return the names or classes that need an output each.

        Raises
        ------
        DataError
            If `y` is not a target.
        """

    @property
    def _output_count(self) -> int:
        return max(self._min_outputs, len(self._outputs))

    def _add_outputs(self, names: Iterable[Hashable]) -> bool:
        """Assign outputs to new names or classes; return whether the engine needs more outputs than it has."""
        before = self._output_count
        for name in sorted(names, key=repr):
            self._outputs[name] = len(self._outputs)
        return self._output_count > before

    def _rows_with_new_targets(self, ys: list[Any]) -> set[int]:
        """Return in which rows new names or classes appear, after all targets have been checked."""
        known, rows = set(self._outputs), set()
        for row, y in enumerate(ys):
            names = self._target_names(y)
            if not known.issuperset(names):
                known.update(names)
                rows.add(row)
        return rows

    def _engine_targets(self, ys: list[Any]) -> NDArray[np.float64]:
        """Return the engine's targets (n, D) for river's, all of which have outputs."""
        return np.array([self._register_target(y)[1] for y in ys])

    def _frame_events(self, frame: Frame, key: Any, time: Any, end: Any) -> FrameEvents:
        """Return the events of a frame; what is not passed is read from the fields, as for a single event."""
        count = len(frame)
        keys, times, ends = (
            frame.column(field) if values is None else values
            for values, field in ((key, self.key_field), (time, self.time_field), (end, self.end_field))
        )
        if keys is None and self.key_field is not None:
            raise DataError(f"X must have the column {self.key_field!r}, which key_field names")
        if times is None and self.time_field is None and (time_columns := frame.time_columns):
            times = time_columns[single_time(list(time_columns))]
        if keys is None or isinstance(keys, (str, int)):
            keys = [DEFAULT_KEY if keys is None else keys] * count
        else:
            keys = [check_key(value) for value in frame.row_values(keys, "key")]
        return FrameEvents(
            table=frame.features(exclude=self._features.fields),
            keys=keys,
            times=_parse_times(frame, times),
            ends=_parse_ends(frame, ends),
        )

    @exclusive
    def _learn_rows(self, events: FrameEvents, ys: list[Any]) -> None:
        """Learn from many events; the engine grows before each row in which a feature or target is new."""
        count = len(events.keys)
        event = 0 if self._model is None else self._model.counts.events
        additions, features = self._features.additions(events.table, event)
        new_targets = self._rows_with_new_targets(ys)
        starts = sorted({0, *additions, *new_targets}) if count else []
        for start, stop in pairwise([*starts, count]):
            grows = start in new_targets and self._register_target(ys[start])[0]
            if start in additions:
                self._features, grows = additions[start], True
            engine = self._update_model() if self._model is None or grows else self._model
            part = slice(start, stop)
            X, Y = self._features.matrix(events.table, part), self._engine_targets(ys[part])
            engine.process(events.keys[part], X, Y, events.times[part], events.ends[part])
        self._features = features

    @exclusive
    def _predict_rows(self, frame: Frame, key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the engine's forecasts of N hypothetical events, (N, *forecast_shape); None before the first event."""
        events = self._frame_events(frame, key, time, None)
        if self._model is None:
            return None
        X = self._features.matrix(events.table, slice(0, len(frame)))
        return self._model.predict_many(events.keys, X, events.times)


def open_frame(X: Any) -> Frame:
    """Return a data frame's events."""
    from stream_rnn.estimators.frames import Frame  # noqa: PLC0415 - needs narwhals, which is an extra

    return Frame(X)


def _parse_times(frame: Frame, times: Any) -> NDArray[np.float64]:
    """Return the time of each row (N,), NaN where it is unknown."""
    if times is None:
        return np.full(len(frame), math.nan)
    return np.array([math.nan if time is None else seconds(time) for time in frame.row_values(times, "time")])


def _parse_ends(frame: Frame, ends: Any) -> NDArray[np.bool_]:
    """Return whether a sequence ends with each row (N,)."""
    if ends is None:
        return np.zeros(len(frame), np.bool_)
    return np.array([parse_end(end) for end in frame.row_values(ends, "end")], np.bool_)
