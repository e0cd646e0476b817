"""Regressors of river's interface, one for each cell: a number for each event, from its features and the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from river import base

from stream_rnn.engine.conversions import number
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.frames import Frame
from stream_rnn.estimators.labels import NUMBERS, Labels

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray


class RecurrentRegressor(Labels, base.MiniBatchRegressor):
    """What the regressors have in common; the parameters are those of `Recurrent`."""

    _defaults = NUMBERS

    def predict_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - so that the keywords of learn_one serve here too
    ) -> float:
        """Return the target of an event that might come, and change nothing; 0 before anything was learned.

        Parameters and errors are those of `learn_one`.
        """
        made = self._peek(x, key, time)
        return 0.0 if made is None else float(self._points(made)[0])

    def predict_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return for each row of a data frame what `predict_one` does, as a series."""
        frame = Frame(X)
        made = self._peek_rows(frame, key, time)
        if made is None:
            return frame.series(np.zeros(len(frame)))
        return frame.series(self._points(made)[:, 0])

    def _told(self) -> dict[str, Any]:
        return {"task": "regression", "targets": TARGET}

    def _unmet(self, ys: list[Any]) -> set[int]:
        for y in ys:
            if not isinstance(y, float):  # which is a number at first sight
                number(y, TARGET, "y")
        return set()

    def _targets(self, ys: list[Any]) -> NDArray[np.float64]:
        return np.array(ys, np.float64)[:, np.newaxis]


class RNNRegressor(RecurrentRegressor):
    """Regressor with a simple recurrent network (Elman 1990).

    The readout is linear in the network's state and the features, and learned by recursive least squares; the layer
    below it by truncated backpropagation through time.

    Parameters are those of `stream_rnn.estimators.recurrent.Recurrent`.

    Examples
    --------
    >>> from river import datasets, evaluate, metrics
    >>> from stream_rnn.estimators import RNNRegressor
    >>> evaluate.progressive_val_score(datasets.TrumpApproval(), RNNRegressor(seed=1), metrics.MAE())
    MAE: 0.413269
    """

    _layer = "rnn"


class GRURegressor(RecurrentRegressor):
    """Regressor with gated recurrent units (Cho et al. 2014); else as `RNNRegressor`."""

    _layer = "gru"


class LSTMRegressor(RecurrentRegressor):
    """Regressor with long short-term memory (Hochreiter & Schmidhuber 1997); else as `RNNRegressor`."""

    _layer = "lstm"


class LRURegressor(RecurrentRegressor):
    """Regressor with linear recurrent units (Orvieto et al. 2023), learned in real time; else as `RNNRegressor`."""

    _layer = "lru"


class ELSTMRegressor(RecurrentRegressor):
    """Regressor with an element-wise LSTM (Irie et al. 2024), learned in real time; else as `RNNRegressor`."""

    _layer = "elstm"


class ColumnarGRURegressor(RecurrentRegressor):
    """Regressor with a GRU of columns (Javed et al. 2023), learned in real time; else as `RNNRegressor`."""

    _layer = "columnar_gru"
