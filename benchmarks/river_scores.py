"""A regression and a classification on river's own data, by river's `evaluate.progressive_val_score`.

Every event is predicted, scored, then learned. The estimators run with what they are made with, the mean of three
seeds; river's models with theirs, behind a scaler where they need one. Most of these data are no sequences: a model
that remembers can hope for no more there than one that does not. ``leaky sum`` stands beside them: the reference job's
label, a third of whose variance is in the events before.
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
LEAKY = 5_000
"""Events of the made series."""

Events = list[tuple[dict[str, Any], Any]]


class LastOf(base.Regressor):
    """The last target of the events that have the same value of a feature; None before the first."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        self._last: dict[Any, float] = {}

    def learn_one(self, x: Mapping[str, Any], y: float) -> None:
        """Take an event's target."""
        self._last[x[self.feature]] = y

    def predict_one(self, x: Mapping[str, Any]) -> float | None:
        """Return the last target; river's scores leave None out."""
        return self._last.get(x[self.feature])


class Model(NamedTuple):
    """A model, made with a seed where it has one."""

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
"""Models that some data alone have the features for."""


def measure() -> dict[str, list[dict[str, Any]]]:
    """Return a table of regressors and one of classifiers; columns are data."""
    return {
        "Regression: mean absolute error": table(
            REGRESSORS,
            {
                "TrumpApproval": list(datasets.TrumpApproval()),
                "ChickWeights": list(datasets.ChickWeights()),
                "leaky sum": leaky_sum(LEAKY),
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
    """Return a row for each model, its mean over its seeds on each of the data."""
    return [
        {"model": name}
        | {where: mean(model, events, metric) for where, events in data.items() if where in ONLY.get(name, data)}
        for name, model in models.items()
    ]


def mean(model: Model, events: Iterable[tuple[dict[str, Any], Any]], metric: metrics.base.Metric) -> float:
    """Return what the metric says, mean over the model's seeds."""
    return statistics.mean(
        evaluate.progressive_val_score(events, model.make(seed), metric.clone()).get() for seed in model.seeds
    )


def leaky_sum(events: int) -> Events:
    """Return the reference job's noise, and its label: a leaky sum of one input, and a share of another."""
    made = reference.data(events)
    return [
        (dict(zip(reference.INPUTS, x, strict=True)), y) for x, y in zip(made.x.tolist(), made.y.tolist(), strict=True)
    ]
