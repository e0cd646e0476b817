"""Classifiers of river's interface, one for each cell: a class for each event, from its features and those before it.

Classes are whatever is seen: two or many, booleans, numbers or text. The network has an output for each, and a softmax
over them; one that is new gets the next. A second output stands from the beginning, because one alone tells nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from river import base

from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.frames import Frame
from stream_rnn.estimators.labels import Labels
from stream_rnn.estimators.recurrent import missing

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray


class RecurrentClassifier(Labels, base.MiniBatchClassifier):
    """What the classifiers have in common; the parameters are those of `Recurrent`."""

    _defaults: ClassVar[Mapping[str, Any]] = {"skip": True}

    @property
    def _multiclass(self) -> bool:
        return True

    def predict_proba_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - so that the keywords of learn_one serve here too
    ) -> dict[Any, float]:
        """Return the probability of each class seen so far for an event that might come, and change nothing.

        Parameters and errors are those of `learn_one`.
        """
        made = self._peek(x, key, time)
        return {} if made is None else dict(zip(self._outputs, self._shares(made[np.newaxis])[0].tolist(), strict=True))

    def predict_proba_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return for each row of a data frame what `predict_proba_one` does, a frame with a column for each class."""
        frame = Frame(X)
        made = self._peek_rows(frame, key, time)
        if made is None:
            return frame.frame({})
        return frame.frame(dict(zip(self._outputs, self._shares(made).T, strict=True)))

    def predict_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return the likeliest class of each row of a data frame as a series, None before one was seen."""
        frame = Frame(X)
        made = self._peek_rows(frame, key, time)
        if made is None or not self._outputs:
            return frame.series([None] * len(frame))
        classes = list(self._outputs)
        return frame.series([classes[place] for place in self._shares(made).argmax(axis=1)])

    def _shares(self, made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (N, seen) of the classes that were seen, from those of all outputs."""
        seen = made[:, : len(self._outputs)]
        shares: NDArray[np.float64] = seen / seen.sum(axis=1, keepdims=True)
        return shares

    def _told(self) -> dict[str, Any]:
        return {
            "task": "classification",
            "targets": TARGET,
            "loss": "softmax",
            "classes": max(2, len(self._outputs)),
        }

    def _meet(self, y: Any) -> tuple[bool, list[float]]:
        if missing(y, "y"):
            return False, [math.nan]
        place = self._outputs.get(y)
        if place is not None:
            return False, [place]
        self._outputs[y] = len(self._outputs)
        return len(self._outputs) > 2, [len(self._outputs) - 1]

    def _unmet(self, ys: list[Any]) -> set[int]:
        met, found = set(self._outputs), set()
        for place, y in enumerate(ys):
            if not missing(y, "y") and y not in met:
                met.add(y)
                found.add(place)
        return found


class RNNClassifier(RecurrentClassifier):
    """Classifier with a simple recurrent network (Elman 1990), learned by truncated backpropagation through time.

    Parameters are those of `stream_rnn.estimators.recurrent.Recurrent`.
    """

    _layer = "rnn"


class GRUClassifier(RecurrentClassifier):
    """Classifier with gated recurrent units (Cho et al. 2014); else as `RNNClassifier`."""

    _layer = "gru"


class LSTMClassifier(RecurrentClassifier):
    """Classifier with long short-term memory (Hochreiter & Schmidhuber 1997); else as `RNNClassifier`."""

    _layer = "lstm"


class LRUClassifier(RecurrentClassifier):
    """Classifier with linear recurrent units (Orvieto et al. 2023), learned in real time; else as `RNNClassifier`."""

    _layer = "lru"


class ELSTMClassifier(RecurrentClassifier):
    """Classifier with an element-wise LSTM (Irie et al. 2024), learned in real time; else as `RNNClassifier`."""

    _layer = "elstm"


class ColumnarGRUClassifier(RecurrentClassifier):
    """Classifier with a GRU of columns (Javed et al. 2023), learned in real time; else as `RNNClassifier`."""

    _layer = "columnar_gru"
