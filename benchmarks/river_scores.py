"""Regression and classification on river's data sets, by river's `evaluate.progressive_val_score`.

Every event is predicted, scored, then learned. The estimators and river's models run with default settings, river's
models behind a scaler where they need one. Results of models with a seed are means over three. Most of these data sets
are not sequences, so memory does not help. The series ``leaky sum``, where it does, is added: the label of the
reference job, a third of whose variance comes from earlier events.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from river import (
    base,
    datasets,
    dummy,
    evaluate,
    forest,
    linear_model,
    metrics,
    naive_bayes,
    preprocessing,
    stats,
    tree,
)

from benchmarks import reference
from stream_rnn.estimators import ColumnarGRUClassifier, ColumnarGRURegressor, GRUClassifier, GRURegressor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SEEDS = (0, 1, 2)
LEAKY_SUM_EVENTS = 5_000

Events = list[tuple[dict[str, Any], Any]]


class LastOf(base.Regressor):
    """Predicts the last target of the events with the same value of a feature; None before the first."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        self._last: dict[Any, float] = {}

    def learn_one(self, x: Mapping[str, Any], y: float) -> None:
        """Store the target."""
        self._last[x[self.feature]] = y

    def predict_one(self, x: Mapping[str, Any]) -> float | None:
        """Return the last target; river does not score None."""
        return self._last.get(x[self.feature])


class Model(NamedTuple):
    """A model and the seeds that it is run with; those without a seed run once."""

    make: Callable[[int], base.Estimator]
    seeds: tuple[int, ...] = (0,)


REGRESSORS: dict[str, Model] = {
    "GRURegressor": Model(lambda seed: GRURegressor(seed=seed), SEEDS),
    "ColumnarGRURegressor": Model(lambda seed: ColumnarGRURegressor(seed=seed), SEEDS),
    "GRURegressor, key_field='chick'": Model(lambda seed: GRURegressor(key_field="chick", seed=seed), SEEDS),
    "river StandardScaler | LinearRegression": Model(
        lambda _: preprocessing.StandardScaler() | linear_model.LinearRegression()
    ),
    "river StandardScaler | TargetStandardScaler(LinearRegression)": Model(
        lambda _: preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(linear_model.LinearRegression())
    ),
    "river StandardScaler | HoeffdingTreeRegressor": Model(
        lambda _: preprocessing.StandardScaler() | tree.HoeffdingTreeRegressor()
    ),
    "river StandardScaler | ARFRegressor": Model(
        lambda seed: preprocessing.StandardScaler() | forest.ARFRegressor(seed=seed), SEEDS
    ),
    "the chick's last target": Model(lambda _: LastOf("chick")),
    "the last event's target": Model(lambda _: dummy.StatisticRegressor(stats.Shift(0))),
}

CLASSIFIERS: dict[str, Model] = {
    "GRUClassifier": Model(lambda seed: GRUClassifier(seed=seed), SEEDS),
    "ColumnarGRUClassifier": Model(lambda seed: ColumnarGRUClassifier(seed=seed), SEEDS),
    "river StandardScaler | SoftmaxRegression": Model(
        lambda _: preprocessing.StandardScaler() | linear_model.SoftmaxRegression()
    ),
    "river HoeffdingTreeClassifier": Model(lambda _: tree.HoeffdingTreeClassifier()),
    "river GaussianNB": Model(lambda _: naive_bayes.GaussianNB()),
    "river ARFClassifier": Model(lambda seed: forest.ARFClassifier(seed=seed), SEEDS),
    "the last event's class": Model(lambda _: dummy.NoChangeClassifier()),
}

ONLY = {"GRURegressor, key_field='chick'": ("ChickWeights",), "the chick's last target": ("ChickWeights",)}
"""Models that need features which only some data sets have."""


def measure() -> dict[str, list[dict[str, Any]]]:
    """Return a table of regressors and one of classifiers, with a column for each data set."""
    return {
        "Regression: mean absolute error": table(
            REGRESSORS,
            {
                "TrumpApproval": list(datasets.TrumpApproval()),
                "ChickWeights": list(datasets.ChickWeights()),
                "leaky sum": leaky_sum(LEAKY_SUM_EVENTS),
            },
            metrics.MAE(),
        ),
        "Classification: accuracy": table(
            CLASSIFIERS,
            {
                "Phishing": list(datasets.Phishing()),
                "ImageSegments": list(datasets.ImageSegments()),
                "Bananas": list(datasets.Bananas()),
            },
            metrics.Accuracy(),
        ),
    }


def table(models: Mapping[str, Model], data: Mapping[str, Events], metric: metrics.base.Metric) -> list[dict[str, Any]]:
    """Return a row for each model, with the mean over its seeds on each data set."""
    return [
        {"model": name}
        | {title: mean(model, events, metric) for title, events in data.items() if title in ONLY.get(name, data)}
        for name, model in models.items()
    ]


def mean(model: Model, events: Iterable[tuple[dict[str, Any], Any]], metric: metrics.base.Metric) -> float:
    """Return the metric of a model, averaged over its seeds."""
    return statistics.mean(
        evaluate.progressive_val_score(events, model.make(seed), metric.clone()).get() for seed in model.seeds
    )


def leaky_sum(events: int) -> Events:
    """Return events of the reference job: noise, and a leaky sum of one input plus a share of another."""
    data = reference.data(events)
    return [
        (dict(zip(reference.INPUTS, x, strict=True)), y) for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True)
    ]
