"""Regressors of several targets at once, of river's interface, one for each cell: all from one state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from river import base

from stream_rnn.engine.conversions import number
from stream_rnn.errors import DataError
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.labels import NUMBERS, Labels

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime


class RecurrentMultiTargetRegressor(Labels, base.MultiTargetRegressor):
    """What the regressors of several targets have in common; the parameters are those of `Recurrent`."""

    _defaults = NUMBERS

    def predict_one(
        self,
        x: Mapping[Any, Any],
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,  # noqa: ARG002 - so that the keywords of learn_one serve here too
    ) -> dict[Any, float]:
        """Return the targets of an event that might come, and change nothing; none before one was seen.

        Parameters and errors are those of `learn_one`.
        """
        made = self._peek(x, key, time)
        if made is None or not self._outputs:
            return {}
        return dict(zip(self._outputs, self._points(made).tolist(), strict=True))

    def _told(self) -> dict[str, Any]:
        return {"task": "regression", "targets": tuple(f"{TARGET}{place}" for place in range(self._width))}

    @property
    def _width(self) -> int:
        """How many targets the engine has, numbered in the order in which they were met; one waits for the first."""
        return max(1, len(self._outputs))

    def _meet(self, y: Any) -> tuple[bool, list[float]]:
        given = _numbers(y)
        before = self._width
        for name in sorted(given.keys() - self._outputs.keys(), key=repr):
            self._outputs[name] = len(self._outputs)
        return self._width > before, [given.get(name, math.nan) for name in self._outputs] or [math.nan]

    def _unmet(self, ys: list[Any]) -> set[int]:
        met, found = set(self._outputs), set()
        for place, y in enumerate(ys):
            given = _numbers(y)
            if not met.issuperset(given):
                met.update(given)
                found.add(place)
        return found


def _numbers(y: Any) -> dict[Any, float]:
    """Return the targets that are given."""
    if y is None:
        return {}
    if not hasattr(y, "items"):
        raise DataError(f"y must be a dict of targets, got {type(y).__name__} {y!r}")
    return {name: number(value, str(name), "y") for name, value in y.items()}


class RNNMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with a simple recurrent network (Elman 1990).

    The readout is linear in the network's state and the features, and learned by recursive least squares; the layer
    below it by truncated backpropagation through time.

    Parameters are those of `stream_rnn.estimators.recurrent.Recurrent`.
    """

    _layer = "rnn"


class GRUMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with gated recurrent units (Cho et al. 2014); else as `RNNMultiTargetRegressor`."""

    _layer = "gru"


class LSTMMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with long short-term memory (Hochreiter & Schmidhuber 1997)."""

    _layer = "lstm"


class LRUMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with linear recurrent units (Orvieto et al. 2023), learned in real time."""

    _layer = "lru"


class ELSTMMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with an element-wise LSTM (Irie et al. 2024), learned in real time."""

    _layer = "elstm"


class ColumnarGRUMultiTargetRegressor(RecurrentMultiTargetRegressor):
    """Regressor of several targets with a GRU of columns (Javed et al. 2023), learned in real time."""

    _layer = "columnar_gru"
