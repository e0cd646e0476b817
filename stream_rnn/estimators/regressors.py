"""Regressors for river, one per cell: a number for each event, from its features and the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from river import base

from stream_rnn.engine.conversions import number
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.labels import REGRESSION_SETTINGS, LabelEstimator, open_frame

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray


class RecurrentRegressor(LabelEstimator, base.MiniBatchRegressor):
    """Regressor with a recurrent network.

    The readout is linear in the hidden state and the features, and is learned by recursive least squares.

    Examples
    --------
    The target is the sum of the load now and at the event before:

    >>> import random
    >>> from stream_rnn.estimators import GRURegressor
    >>> loads = random.Random(1).choices(range(5), k=2000)
    >>> model = GRURegressor(hidden=8, seed=1)
    >>> for before, load in zip(loads, loads[1:]):
    ...     model.learn_one({"load": load}, before + load)
    >>> loads[-1], round(model.predict_one({"load": 3}))
    (2, 5)
    """

    _default_settings = REGRESSION_SETTINGS

    def predict_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - accepts the keywords of learn_one
    ) -> float:
        """Return the target of a hypothetical next event, and change nothing; 0 before the first event.

        Parameters and errors are those of `learn_one`.
        """
        forecast = self._predict_event(x, key, time)
        return 0.0 if forecast is None else float(self._point_forecasts(forecast)[0])

    def predict_many(self, X: Any, key: Any = None, time: Any = None) -> Any:
        """Return what `predict_one` returns for each row of a data frame, as a series with the frame's index."""
        frame = open_frame(X)
        forecasts = self._predict_rows(frame, key, time)
        if forecasts is None:
            return frame.native_series(np.zeros(len(frame)))
        return frame.native_series(self._point_forecasts(forecasts)[:, 0])

    def _task_settings(self) -> dict[str, Any]:
        return {"task": "regression", "targets": TARGET}

    def _target_names(self, y: Any) -> tuple[()]:
        if not isinstance(y, float):
            number(y, TARGET, "y")
        return ()

    def _engine_targets(self, ys: list[Any]) -> NDArray[np.float64]:
        return np.array(ys, np.float64)[:, np.newaxis]


class RNNRegressor(RecurrentRegressor, layer="rnn"):
    """Regressor with a simple recurrent network (RNN)."""


class GRURegressor(RecurrentRegressor, layer="gru"):
    """Regressor with gated recurrent units (GRU)."""


class LSTMRegressor(RecurrentRegressor, layer="lstm"):
    """Regressor with long short-term memory (LSTM)."""


class SLSTMRegressor(RecurrentRegressor, layer="slstm"):
    """Regressor with an LSTM with exponential gates (sLSTM)."""


class LRURegressor(RecurrentRegressor, layer="lru"):
    """Regressor with linear recurrent units (LRU)."""


class ELSTMRegressor(RecurrentRegressor, layer="elstm"):
    """Regressor with an element-wise LSTM (eLSTM)."""


class ColumnarGRURegressor(RecurrentRegressor, layer="columnar_gru"):
    """Regressor with a columnar GRU."""


class MinGRURegressor(RecurrentRegressor, layer="mingru"):
    """Regressor with a minimal GRU (minGRU)."""
