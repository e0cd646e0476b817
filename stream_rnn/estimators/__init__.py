"""Estimators of river's interfaces over the engine, and evaluators of forecasters.

Names are fetched when they are first used: river's time series take seconds to import, and not all need them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_rnn.estimators.classifiers import (
        ColumnarGRUClassifier,
        ELSTMClassifier,
        GRUClassifier,
        LRUClassifier,
        LSTMClassifier,
        RNNClassifier,
    )
    from stream_rnn.estimators.evaluation import evaluate, evaluate_streams, iter_evaluate
    from stream_rnn.estimators.forecasters import (
        ColumnarGRUForecaster,
        ELSTMForecaster,
        GRUForecaster,
        LRUForecaster,
        LSTMForecaster,
        RNNForecaster,
    )
    from stream_rnn.estimators.multi_target import (
        ColumnarGRUMultiTargetRegressor,
        ELSTMMultiTargetRegressor,
        GRUMultiTargetRegressor,
        LRUMultiTargetRegressor,
        LSTMMultiTargetRegressor,
        RNNMultiTargetRegressor,
    )
    from stream_rnn.estimators.regressors import (
        ColumnarGRURegressor,
        ELSTMRegressor,
        GRURegressor,
        LRURegressor,
        LSTMRegressor,
        RNNRegressor,
    )

__all__ = [
    "ColumnarGRUClassifier",
    "ColumnarGRUForecaster",
    "ColumnarGRUMultiTargetRegressor",
    "ColumnarGRURegressor",
    "ELSTMClassifier",
    "ELSTMForecaster",
    "ELSTMMultiTargetRegressor",
    "ELSTMRegressor",
    "GRUClassifier",
    "GRUForecaster",
    "GRUMultiTargetRegressor",
    "GRURegressor",
    "LRUClassifier",
    "LRUForecaster",
    "LRUMultiTargetRegressor",
    "LRURegressor",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMMultiTargetRegressor",
    "LSTMRegressor",
    "RNNClassifier",
    "RNNForecaster",
    "RNNMultiTargetRegressor",
    "RNNRegressor",
    "evaluate",
    "evaluate_streams",
    "iter_evaluate",
]

_HOME = {
    "Classifier": "classifiers",
    "Forecaster": "forecasters",
    "MultiTargetRegressor": "multi_target",
    "Regressor": "regressors",
    "evaluate": "evaluation",
    "evaluate_streams": "evaluation",
}
"""Where the names that end so live; the first that fits."""


def __getattr__(name: str) -> Any:
    home = next((module for ending, module in _HOME.items() if name.endswith(ending)), None)
    if name not in __all__ or home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
