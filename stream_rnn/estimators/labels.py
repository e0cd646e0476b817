"""LabelEstimator: base class of the regressors and classifiers, for single events and for data frames."""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from stream_rnn.engine.conversions import weights
from stream_rnn.engine.exclusive import exclusive
from stream_rnn.estimators.frame_events import events_of, open_frame
from stream_rnn.estimators.recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from stream_rnn.estimators.frame_events import FrameEvents
    from stream_rnn.estimators.frames import Frame

REGRESSION_SETTINGS: Mapping[str, Any] = {"readout": "rls", "skip": True}
"""For targets that are numbers: a linear readout of hidden state and features, learned by recursive least squares."""


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
        w: float = 1.0,
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
        w
            Weight of the target, such as more for a rare class; 0 to learn nothing from it.

        Raises
        ------
        DataError
            If a value cannot be used; the estimator is unchanged then.
        """
        self._learn_event(x, y, key, time, end, w)

    def learn_many(self, X: Any, y: Any, key: Any = None, time: Any = None, end: Any = None, w: Any = None) -> None:
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
        w
            Weight of each target (N,): a series, an array or a list; 1 if omitted.

        Raises
        ------
        DataError
            As `learn_one`, or if lengths differ; nothing is learned then.
        MissingExtraError
            If narwhals, which reads data frames, is not installed.
        """
        frame = open_frame(X)
        events = events_of(frame, self._fields, key, time, end)
        self._learn_rows(events, frame.row_values(y, "y"), None if w is None else weights(frame.row_values(w, "w")))

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

    @exclusive
    def _learn_rows(self, events: FrameEvents, ys: list[Any], w: NDArray[np.float64] | None) -> None:
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
            part_w = None if w is None else w[part]
            engine.process(events.keys[part], X, Y, events.times[part], events.ends[part], w=part_w)
        self._features = features

    @exclusive
    def _predict_rows(self, frame: Frame, key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the engine's forecasts of N hypothetical events, (N, *forecast_shape); None before the first event."""
        events = events_of(frame, self._fields, key, time, None)
        if self._model is None:
            return None
        X = self._features.matrix(events.table, slice(0, len(frame)))
        return self._model.predict_many(events.keys, X, events.times)
