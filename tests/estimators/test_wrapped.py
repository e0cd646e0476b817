"""In each of river's wrappers an estimator learns, can be cloned and pickled, and keeps its streams separate."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from river import (
    anomaly,
    bandit,
    compose,
    conf,
    drift,
    ensemble,
    evaluate,
    imblearn,
    metrics,
    model_selection,
    multiclass,
    multioutput,
    preprocessing,
    tree,
    utils,
)

from stream_rnn.errors import DataError
from stream_rnn.estimators import GRUClassifier, GRUForecaster, GRUMultiTargetRegressor, GRURegressor
from stream_rnn.estimators.recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[..., Any]

COUNT = 180


def regressor(**settings: Any) -> GRURegressor:
    return GRURegressor(**{"hidden": 4, "window": 4, "seed": 1, **settings})


def classifier(**settings: Any) -> GRUClassifier:
    return GRUClassifier(**{"hidden": 4, "window": 4, "seed": 1, **settings})


def rates(model: Any) -> list[Any]:
    return utils.expand_param_grid(model, {"learning_rate": [1e-3, 1e-2]})


REGRESSORS: dict[str, Make] = {
    "BaggingRegressor": lambda **s: ensemble.BaggingRegressor(regressor(**s), n_models=2, seed=1),
    "BanditRegressor": lambda **s: model_selection.BanditRegressor(
        rates(regressor(**s)), metrics.MAE(), bandit.EpsilonGreedy(0.2, seed=1)
    ),
    "ChebyshevOverSampler": lambda **s: imblearn.ChebyshevOverSampler(regressor(**s)),
    "ChebyshevUnderSampler": lambda **s: imblearn.ChebyshevUnderSampler(regressor(**s), sp=0.9, seed=1),
    "EWARegressor": lambda **s: ensemble.EWARegressor(rates(regressor(**s))),
    "GreedyRegressor": lambda **s: model_selection.GreedyRegressor(rates(regressor(**s)), metrics.MAE()),
    "HardSamplingRegressor": lambda **s: imblearn.HardSamplingRegressor(regressor(**s), p=0.2, size=10, seed=1),
    "PredClipper": lambda **s: preprocessing.PredClipper(regressor(**s), -1, 1),
    "RegressionJackknife": lambda **s: conf.RegressionJackknife(regressor(**s)),
    "SRPRegressor": lambda **s: ensemble.SRPRegressor(regressor(**s), n_models=3, seed=1),
    "SuccessiveHalvingRegressor": lambda **s: model_selection.SuccessiveHalvingRegressor(
        rates(regressor(**s)), metrics.MAE(), budget=COUNT
    ),
    "TargetStandardScaler": lambda **s: preprocessing.TargetStandardScaler(regressor(**s)),
    "TargetTransformRegressor": lambda **s: compose.TargetTransformRegressor(regressor(**s), math.exp, shifted_log),
}
CLASSIFIERS: dict[str, Make] = {
    "ADWINBaggingClassifier": lambda **s: ensemble.ADWINBaggingClassifier(classifier(**s), n_models=2, seed=1),
    "ADWINBoostingClassifier": lambda **s: ensemble.ADWINBoostingClassifier(classifier(**s), n_models=2, seed=1),
    "AdaBoostClassifier": lambda **s: ensemble.AdaBoostClassifier(classifier(**s), n_models=2, seed=1),
    "BOLEClassifier": lambda **s: ensemble.BOLEClassifier(classifier(**s), n_models=2, seed=1),
    "BaggingClassifier": lambda **s: ensemble.BaggingClassifier(classifier(**s), n_models=2, seed=1),
    "BanditClassifier": lambda **s: model_selection.BanditClassifier(
        rates(classifier(**s)), metrics.Accuracy(), bandit.EpsilonGreedy(0.2, seed=1)
    ),
    "DriftRetrainingClassifier": lambda **s: drift.DriftRetrainingClassifier(classifier(**s), drift.binary.DDM()),
    "HardSamplingClassifier": lambda **s: imblearn.HardSamplingClassifier(classifier(**s), p=0.2, size=10, seed=1),
    "LeveragingBaggingClassifier": lambda **s: ensemble.LeveragingBaggingClassifier(
        classifier(**s), n_models=2, seed=1
    ),
    "OneVsOneClassifier": lambda **s: multiclass.OneVsOneClassifier(classifier(**s)),
    "OneVsRestClassifier": lambda **s: multiclass.OneVsRestClassifier(classifier(**s)),
    "OutputCodeClassifier": lambda **s: multiclass.OutputCodeClassifier(classifier(**s), 6, "random", seed=1),
    "RandomOverSampler": lambda **s: imblearn.RandomOverSampler(classifier(**s), dict.fromkeys("xyz", 1 / 3), seed=1),
    "RandomSampler": lambda **s: imblearn.RandomSampler(classifier(**s), dict.fromkeys("xyz", 1 / 3), 0.9, seed=1),
    "RandomUnderSampler": lambda **s: imblearn.RandomUnderSampler(classifier(**s), dict.fromkeys("xyz", 1 / 3), seed=1),
    "SRPClassifier": lambda **s: ensemble.SRPClassifier(classifier(**s), n_models=3, seed=1),
    "StackingClassifier": lambda **s: ensemble.StackingClassifier(
        rates(classifier(**s)), meta_classifier=classifier(**s)
    ),
    "SuccessiveHalvingClassifier": lambda **s: model_selection.SuccessiveHalvingClassifier(
        rates(classifier(**s)), metrics.Accuracy(), budget=COUNT
    ),
    "VotingClassifier": lambda **s: ensemble.VotingClassifier(
        [classifier(**s), classifier(**s, hidden=5), tree.HoeffdingTreeClassifier(nominal_attributes=["key"])]
    ),
}
MULTI_TARGET: dict[str, Make] = {
    "PerOutputRegressor": lambda **s: multioutput.PerOutputRegressor(regressor(**s)),
    "RegressorChain": lambda **s: multioutput.RegressorChain(regressor(**s), order=["u", "v"]),
}
MULTI_LABEL: dict[str, Make] = {
    "ClassifierChain": lambda **s: multioutput.ClassifierChain(classifier(**s), order=["p", "q"]),
    "MonteCarloClassifierChain": lambda **s: multioutput.MonteCarloClassifierChain(classifier(**s), m=3, seed=1),
    "MultiClassEncoder": lambda **s: multioutput.MultiClassEncoder(
        classifier(learning_rate=0.02, **s)
    ),  # it inverts labels below a probability of 1/2
    "PerOutputClassifier": lambda **s: multioutput.PerOutputClassifier(classifier(**s)),
    "ProbabilisticClassifierChain": lambda **s: multioutput.ProbabilisticClassifierChain(classifier(**s)),
}
WRAPPERS = REGRESSORS | CLASSIFIERS | MULTI_TARGET | MULTI_LABEL

PASS_KEYWORDS = [
    *("ADWINBaggingClassifier", "AdaBoostClassifier", "BOLEClassifier", "BaggingClassifier", "BaggingRegressor"),
    *("ChebyshevOverSampler", "ChebyshevUnderSampler", "ClassifierChain", "LeveragingBaggingClassifier"),
    *("OneVsOneClassifier", "OneVsRestClassifier", "OutputCodeClassifier", "PerOutputClassifier"),
    *("PerOutputRegressor", "PredClipper", "RandomOverSampler", "RandomSampler", "RandomUnderSampler"),
    *("ADWINBoostingClassifier", "MonteCarloClassifierChain", "ProbabilisticClassifierChain", "RegressorChain"),
]
"""Wrappers that pass keywords on, when predicting and when learning."""
REFUSE_KEYWORDS = [
    *("BanditClassifier", "BanditRegressor", "EWARegressor", "GreedyRegressor", "MultiClassEncoder"),
    *("StackingClassifier", "SuccessiveHalvingClassifier", "SuccessiveHalvingRegressor", "TargetStandardScaler"),
    *("TargetTransformRegressor", "VotingClassifier"),
]
"""Wrappers that do not accept keywords."""
ONE_STREAM = ["SRPClassifier", "SRPRegressor"]
"""Wrappers that drop keywords and select features at random: they cannot identify streams."""
LOSE_KEYWORDS = ["DriftRetrainingClassifier", "HardSamplingClassifier", "HardSamplingRegressor", "RegressionJackknife"]
"""Wrappers that accept keywords but do not pass them on in every call: keys must be a field."""


def shifted_log(y: float) -> float:
    return math.log(max(y, 0.1))


def target(name: str, t: int) -> Any:
    if name in REGRESSORS:
        return math.sin((t + 1) / 4)
    if name in MULTI_TARGET:
        return {"u": math.sin((t + 1) / 4), "v": math.cos((t + 1) / 4)}
    return {"p": t % 3 == 0, "q": t % 3 == 1} if name in MULTI_LABEL else "xyz"[t % 3]


def metric_of(name: str) -> Any:
    if name in REGRESSORS:
        return metrics.MAE()
    if name in MULTI_TARGET:
        return metrics.multioutput.MicroAverage(metrics.MAE())
    return metrics.multioutput.ExactMatch() if name in MULTI_LABEL else metrics.Accuracy()


def events(name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    for t in range(COUNT):
        yield {"a": math.sin(t / 4), "b": math.cos(t / 4), "c": float(t % 3), "d": float(t % 3 == 1)}, target(name, t)


def estimators_in(model: Any) -> Iterator[Recurrent]:
    """Yield the estimators of this package that a wrapper contains."""
    if isinstance(model, Recurrent):
        yield model
    elif isinstance(model, (list, tuple)):
        for part in model:
            yield from estimators_in(part)
    elif isinstance(model, dict):
        yield from estimators_in(list(model.values()))
    elif type(model).__module__.startswith("river.") and hasattr(model, "__dict__"):
        yield from estimators_in(list(vars(model).values()))


def learn(model: Any, name: str) -> None:
    """Learn two streams, which a feature identifies."""
    for t, (x, y) in enumerate(events(name)):
        x["key"] = f"pump {t % 2}"
        model.predict_one(x)
        model.learn_one(x, y)


def test_it_is_known_of_every_wrapper_what_it_does_with_keywords() -> None:
    assert sorted(WRAPPERS) == sorted([*PASS_KEYWORDS, *REFUSE_KEYWORDS, *LOSE_KEYWORDS, *ONE_STREAM])


@pytest.mark.parametrize("name", WRAPPERS)
def test_an_estimator_learns_in(name: str) -> None:
    score = evaluate.progressive_val_score(events(name), WRAPPERS[name](), metric_of(name)).get()
    # predicting the mean has an error of 0.64; predicting a fixed class is right in 1/3 of all cases
    assert score < 0.4 if name in REGRESSORS | MULTI_TARGET else score > 0.45


@pytest.mark.parametrize("name", WRAPPERS)
def test_an_estimator_can_be_cloned_and_pickled_in(name: str) -> None:
    model = WRAPPERS[name]()
    assert not [part for part in estimators_in(model.clone()) if part.engine is not None]
    for x, y in events(name):
        model.learn_one(x, y)
    other = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert other.predict_one(x) == model.predict_one(x)
    assert any(part.engine is not None for part in estimators_in(other))


@pytest.mark.parametrize("name", [name for name in WRAPPERS if name not in ONE_STREAM])
def test_a_key_field_separates_streams_in(name: str) -> None:
    model = WRAPPERS[name](key_field="key")
    learn(model, name)
    keys = [set(part.engine.keys) for part in estimators_in(model) if part.engine is not None]
    assert keys
    assert set.union(*keys) == {"pump 0", "pump 1"}


@pytest.mark.parametrize("name", PASS_KEYWORDS)
def test_a_key_keyword_separates_streams_in(name: str) -> None:
    model = WRAPPERS[name]()
    with_keys = ((x, y, {"key": f"pump {t % 2}"}) for t, (x, y) in enumerate(events(name)))
    evaluate.progressive_val_score(with_keys, model, metric_of(name))
    keys = [set(part.engine.keys) for part in estimators_in(model) if part.engine is not None]
    assert set.union(*keys) == {"pump 0", "pump 1"}


@pytest.mark.parametrize("name", REFUSE_KEYWORDS)
def test_keywords_are_refused_by(name: str) -> None:
    x, y = next(events(name))
    with pytest.raises(TypeError, match="unexpected keyword argument 'key'"):
        WRAPPERS[name]().learn_one(x, y, key="pump")


def test_a_jackknife_does_not_pass_the_keyword_on_when_it_collects_errors() -> None:
    by_keyword, by_field = (conf.RegressionJackknife(regressor(**settings)) for settings in ({}, {"key_field": "key"}))
    for x, y in events("RegressionJackknife"):
        by_keyword.learn_one(x, y + 10, key="pump")
        by_field.learn_one({**x, "key": "pump"}, y + 10)
    wide = by_keyword.predict_one(x, with_interval=True, key="pump")
    narrow = by_field.predict_one({**x, "key": "pump"}, with_interval=True)
    assert wide.upper - wide.lower > narrow.upper - narrow.lower


def test_random_patches_may_leave_out_the_key_field() -> None:
    model = ensemble.SRPRegressor(regressor(key_field="key"), n_models=6, seed=1)
    with pytest.raises(DataError, match="key must identify a stream, got None"):
        learn(model, "SRPRegressor")


def test_a_jackknife_gives_intervals_per_stream() -> None:
    model = conf.RegressionJackknife(regressor(key_field="key"), confidence_level=0.9)
    covered = 0
    for t, (x, y) in enumerate(events("RegressionJackknife")):
        x["key"] = f"pump {t % 2}"
        interval = model.predict_one(x, with_interval=True)
        covered += t >= 60 and interval.lower <= y <= interval.upper
        model.learn_one(x, y)
    assert covered / (COUNT - 60) > 0.75


def test_drift_in_the_errors_is_detected() -> None:
    detector, model = drift.ADWIN(), regressor(learning_rate=1e-4)
    drifts = []
    for t in range(600):
        x, y = {"a": math.sin(t / 4)}, math.sin(t / 4) * (1 if t < 300 else -8)
        detector.update(abs(y - model.predict_one(x)))
        model.learn_one(x, y)
        drifts += [t] if detector.drift_detected else []
    assert drifts
    assert min(drifts) >= 300


@pytest.mark.parametrize("make", [regressor, lambda: GRUForecaster(horizon=1, hidden=4, window=4, seed=1)])
def test_forecast_errors_give_anomaly_scores(make: Make) -> None:
    detector = anomaly.PredictiveAnomalyDetection(make(), horizon=1, n_std=3, warmup_period=50)
    scores = []
    for t, (x, y) in enumerate(events("PredClipper")):
        value = y + 5 * (t == 150)
        scores.append(detector.score_one(x, value))
        detector.learn_one(x, value)
    assert scores[150] == max(scores)


def test_a_multi_target_regressor_does_the_work_of_the_wrappers() -> None:
    model = GRUMultiTargetRegressor(hidden=4, window=4, seed=1)
    score = metrics.multioutput.MicroAverage(metrics.MAE())
    assert evaluate.progressive_val_score(events("RegressorChain"), model, score).get() < 0.4
