"""Classifiers for river, one per cell: a class for each event, from its features and the past.

Classes may be booleans, numbers or text, and need not be known in advance. The network has one softmax output per class
seen so far. It starts with two, because the probability of a single one would always be 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from river import base

from stream_rnn.estimators.arguments import is_missing
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.frame_events import open_frame
from stream_rnn.estimators.labels import LabelEstimator

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray


class RecurrentClassifier(LabelEstimator, base.MiniBatchClassifier):
    """Classifier with a recurrent network.

    The readout is a softmax over the classes seen so far, of the hidden state and the features.

    Examples
    --------
    The class says whether the load is higher than at the event before:

    >>> import random
    >>> from stream_rnn.estimators import GRUClassifier
    >>> loads = random.Random(1).choices(range(5), k=2000)
    >>> model = GRUClassifier(hidden=8, seed=1)
    >>> for before, load in zip(loads, loads[1:]):
    ...     model.learn_one({"load": load}, "up" if load > before else "down")
    >>> loads[-1], model.predict_one({"load": 1}), model.predict_one({"load": 3})
    (2, 'down', 'up')
    """

    _default_settings: ClassVar[Mapping[str, Any]] = {"skip": True}
    _min_outputs = 2

    @property
    def _multiclass(self) -> bool:
        return True

    def predict_proba_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - accepts the keywords of learn_one
    ) -> dict[Any, float]:
        """Return the probability of each class seen so far at a hypothetical next event, and change nothing.

        Parameters and errors are those of `learn_one`.
        """
        forecast = self._predict_event(x, key, time)
        if forecast is None:
            return {}
        return dict(zip(self._outputs, self._probabilities(forecast[np.newaxis])[0].tolist(), strict=True))

    def predict_proba_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return what `predict_proba_one` returns for each row of a data frame, as a frame with a column per class."""
        frame = open_frame(X)
        forecasts = self._predict_rows(frame, key, time)
        if forecasts is None:
            return frame.native_frame({})
        return frame.native_frame(dict(zip(self._outputs, self._probabilities(forecasts).T, strict=True)))

    def predict_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return the most probable class of each row of a data frame as a series; None before a class was seen."""
        frame = open_frame(X)
        forecasts = self._predict_rows(frame, key, time)
        if forecasts is None or not self._outputs:
            return frame.native_series([None] * len(frame))
        classes = list(self._outputs)
        return frame.native_series([classes[place] for place in self._probabilities(forecasts).argmax(axis=1)])

    def _probabilities(self, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (N, seen) of the classes seen so far, from those of all outputs."""
        seen = forecasts[:, : len(self._outputs)]
        probabilities: NDArray[np.float64] = seen / seen.sum(axis=1, keepdims=True)
        return probabilities

    def _task_settings(self) -> dict[str, Any]:
        classes = {"classes": self._output_count, "top": None}
        return {"task": "classification", "targets": TARGET, "loss": "softmax"} | classes

    def _target_names(self, y: Any) -> tuple[Hashable, ...]:
        return () if is_missing(y, "y") else (y,)

    def _register_target(self, y: Any) -> tuple[bool, list[float]]:
        if is_missing(y, "y"):
            return False, [math.nan]
        grows = y not in self._outputs and self._add_outputs([y])
        return grows, [self._outputs[y]]


class RNNClassifier(RecurrentClassifier, layer="rnn"):
    """Classifier with a simple recurrent network (RNN)."""


class GRUClassifier(RecurrentClassifier, layer="gru"):
    """Classifier with gated recurrent units (GRU)."""


class LSTMClassifier(RecurrentClassifier, layer="lstm"):
    """Classifier with long short-term memory (LSTM)."""


class SLSTMClassifier(RecurrentClassifier, layer="slstm"):
    """Classifier with an LSTM with exponential gates (sLSTM)."""


class LRUClassifier(RecurrentClassifier, layer="lru"):
    """Classifier with linear recurrent units (LRU)."""


class ELSTMClassifier(RecurrentClassifier, layer="elstm"):
    """Classifier with an element-wise LSTM (eLSTM)."""


class ColumnarGRUClassifier(RecurrentClassifier, layer="columnar_gru"):
    """Classifier with a columnar GRU."""


class MinGRUClassifier(RecurrentClassifier, layer="mingru"):
    """Classifier with a minimal GRU (minGRU)."""
