"""Estimators with river's interfaces over the engine, and evaluation of forecasters.

Names are imported on first use, because river's time series, which only forecasters need, take seconds to import.
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
        MinGRUClassifier,
        RNNClassifier,
        SLSTMClassifier,
    )
    from stream_rnn.estimators.evaluation import evaluate, evaluate_streams, iter_evaluate
    from stream_rnn.estimators.forecasters import (
        AutoForecaster,
        ColumnarGRUForecaster,
        ELSTMForecaster,
        GRUForecaster,
        LRUForecaster,
        LSTMForecaster,
        MinGRUForecaster,
        RNNForecaster,
        SLSTMForecaster,
    )
    from stream_rnn.estimators.multi_target import (
        ColumnarGRUMultiTargetRegressor,
        ELSTMMultiTargetRegressor,
        GRUMultiTargetRegressor,
        LRUMultiTargetRegressor,
        LSTMMultiTargetRegressor,
        MinGRUMultiTargetRegressor,
        RNNMultiTargetRegressor,
        SLSTMMultiTargetRegressor,
    )
    from stream_rnn.estimators.regressors import (
        ColumnarGRURegressor,
        ELSTMRegressor,
        GRURegressor,
        LRURegressor,
        LSTMRegressor,
        MinGRURegressor,
        RNNRegressor,
        SLSTMRegressor,
    )

__all__ = [
    "AutoForecaster",
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
    "MinGRUClassifier",
    "MinGRUForecaster",
    "MinGRUMultiTargetRegressor",
    "MinGRURegressor",
    "RNNClassifier",
    "RNNForecaster",
    "RNNMultiTargetRegressor",
    "RNNRegressor",
    "SLSTMClassifier",
    "SLSTMForecaster",
    "SLSTMMultiTargetRegressor",
    "SLSTMRegressor",
    "evaluate",
    "evaluate_streams",
    "iter_evaluate",
]

_MODULES = {
    "Classifier": "classifiers",
    "Forecaster": "forecasters",
    "MultiTargetRegressor": "multi_target",
    "Regressor": "regressors",
    "evaluate": "evaluation",
    "evaluate_streams": "evaluation",
}
"""Module of the names with each ending; the first match counts."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next(module for ending, module in _MODULES.items() if name.endswith(ending))
    return getattr(import_module(f"{__name__}.{module}"), name)
