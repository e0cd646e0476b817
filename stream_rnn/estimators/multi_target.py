"""Regressors of several targets for river, one per cell: all targets are predicted from one hidden state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from river import base

from stream_rnn.engine.conversions import number
from stream_rnn.errors import DataError
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.labels import REGRESSION_SETTINGS, LabelEstimator

if TYPE_CHECKING:
    from collections.abc import Hashable, KeysView, Mapping
    from datetime import datetime


class RecurrentMultiTargetRegressor(LabelEstimator, base.MultiTargetRegressor):
    """Regressor of several targets with a recurrent network.

    The readout is linear in the hidden state and the features, and is learned by recursive least squares. Each target
    has an output from the first event that has a value of it; the targets of an event are a dict of numbers.

    Examples
    --------
    One target is the load at the event before, the other one is twice the load:

    >>> import random
    >>> from stream_rnn.estimators import GRUMultiTargetRegressor
    >>> loads = random.Random(1).choices(range(5), k=2000)
    >>> model = GRUMultiTargetRegressor(hidden=8, seed=1)
    >>> for before, load in zip(loads, loads[1:]):
    ...     model.learn_one({"load": load}, {"before": before, "double": 2 * load})
    >>> loads[-1], {name: round(value) for name, value in model.predict_one({"load": 3}).items()}
    (2, {'before': 2, 'double': 6})
    """

    _default_settings = REGRESSION_SETTINGS

    def predict_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - accepts the keywords of learn_one
    ) -> dict[Any, float]:
        """Return the targets of a hypothetical next event, and change nothing; empty before a target was seen.

        Parameters and errors are those of `learn_one`.
        """
        forecast = self._predict_event(x, key, time)
        if forecast is None or not self._outputs:
            return {}
        return dict(zip(self._outputs, self._point_forecasts(forecast).tolist(), strict=True))

    def _task_settings(self) -> dict[str, Any]:
        return {"task": "regression", "targets": tuple(f"{TARGET}{place}" for place in range(self._output_count))}

    def _target_names(self, y: Any) -> KeysView[Any]:
        return _parse_targets(y).keys()

    def _register_target(self, y: Any) -> tuple[bool, list[float]]:
        targets = _parse_targets(y)
        grows = self._add_outputs(targets.keys() - self._outputs.keys())
        return grows, [targets.get(name, math.nan) for name in self._outputs] or [math.nan]


def _parse_targets(y: Any) -> dict[Any, float]:
    """Return the targets of an event; None is no target."""
    if y is None:
        return {}
    if not hasattr(y, "items"):
        raise DataError(f"y must be a dict of targets, got {type(y).__name__} {y!r}")
    return {name: number(value, str(name), "y") for name, value in y.items()}


class RNNMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="rnn"):
    """Regressor of several targets with a simple recurrent network (RNN)."""


class GRUMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="gru"):
    """Regressor of several targets with gated recurrent units (GRU)."""


class LSTMMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="lstm"):
    """Regressor of several targets with long short-term memory (LSTM)."""


class SLSTMMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="slstm"):
    """Regressor of several targets with an LSTM with exponential gates (sLSTM)."""


class LRUMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="lru"):
    """Regressor of several targets with linear recurrent units (LRU)."""


class ELSTMMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="elstm"):
    """Regressor of several targets with an element-wise LSTM (eLSTM)."""


class ColumnarGRUMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="columnar_gru"):
    """Regressor of several targets with a columnar GRU."""


class MinGRUMultiTargetRegressor(RecurrentMultiTargetRegressor, layer="mingru"):
    """Regressor of several targets with a minimal GRU (minGRU)."""
