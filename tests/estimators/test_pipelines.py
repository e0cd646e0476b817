"""Estimators work in river's pipelines and evaluations like river's own, and keep their streams separate."""

from __future__ import annotations

import copy
import io
import logging
import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from river import (
    active,
    anomaly,
    compose,
    datasets,
    evaluate,
    feature_extraction,
    feature_selection,
    metrics,
    preprocessing,
    stats,
    stream,
    time_series,
    utils,
)

from stream_rnn.estimators import GRUClassifier, GRUForecaster, GRUMultiTargetRegressor, GRURegressor

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL: dict[str, Any] = {"hidden": 4, "window": 4, "seed": 1}
COUNT = 90
START = datetime(2026, 3, 1, tzinfo=UTC)


def regressor(**settings: Any) -> Any:
    return GRURegressor(**SMALL | settings)


def classifier(**settings: Any) -> Any:
    return GRUClassifier(**SMALL | settings)


def forecaster(**settings: Any) -> Any:
    return GRUForecaster(**SMALL | {"horizon": 3} | settings)


def numbers() -> Iterator[tuple[dict[str, Any], float]]:
    for t in range(COUNT):
        yield {"a": math.sin(t / 4), "b": float(t % 3)}, math.sin((t + 1) / 4)


def classes(kinds: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    for t in range(COUNT):
        yield {"a": math.sin(t / 4), "b": float(t % len(kinds))}, kinds[t % len(kinds)]


def streams() -> Iterator[tuple[dict[str, Any], float, dict[str, Any]]]:
    """Yield events of two streams, with keywords; the sequence of one stream ends."""
    for t, (x, y) in enumerate(numbers()):
        yield x, y, {"key": f"pump {t % 2}", "time": 600.0 * t, "end": t == 60}


def train_on_streams(model: Any) -> Any:
    """Predict and learn the events of `streams`, and return the model."""
    for x, y, keywords in streams():
        model.predict_one(x, **keywords)
        model.learn_one(x, y, **keywords)
    return model


def score(model: Any, events: Any = None, metric: Any = None, **settings: Any) -> float:
    value: float = evaluate.progressive_val_score(
        numbers() if events is None else events, model, metric or metrics.MAE(), **settings
    ).get()
    return value


def scaler() -> Any:
    return preprocessing.StandardScaler()


PIPELINES: dict[str, Any] = {
    "scaled": scaler,
    "selected in parts": lambda: (
        (compose.Select("a") | scaler()) + (compose.Select("b") | preprocessing.OneHotEncoder())
    ),
    "product": lambda: compose.Select("a") * compose.Select("b") + compose.Select("a", "b"),
    "function": lambda: compose.FuncTransformer(square) | compose.Renamer({"a": "A"}) | compose.Prefixer("in_"),
    "polynomial": lambda: feature_extraction.PolynomialExtender(2) | scaler(),
    "random features": lambda: feature_extraction.RBFSampler(n_components=8, seed=1),
    "best feature": lambda: feature_selection.SelectKBest(stats.PearsonCorr(), k=1),
    "hashed": lambda: preprocessing.FeatureHasher(4, seed=1),
    "group's aggregate": lambda: feature_extraction.Agg(on="a", by="b", how=stats.Mean()) + compose.Select("a"),
    "target's aggregate": lambda: feature_extraction.TargetAgg(by="b", how=stats.Mean()) + compose.Select("a"),
    "scaled by group": lambda: compose.Grouper(scaler(), by="b"),
}


def square(x: dict[str, Any]) -> dict[str, Any]:
    return {**x, "square": x["a"] ** 2}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_regressor_learns_in_a_pipeline(name: str) -> None:
    assert score(PIPELINES[name]() | regressor()) < 0.4  # predicting the mean has an error of 0.64


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_passes_on_key_time_and_end(name: str) -> None:
    model = PIPELINES[name]() | regressor()
    score(model, streams())
    engine = model["GRURegressor"].engine
    assert sorted(engine.keys) == ["pump 0", "pump 1"]
    assert engine.length("pump 0") == (COUNT - 1 - 60) // 2  # since its sequence ended
    assert engine.length("pump 1") == COUNT // 2


def test_an_evaluation_passes_keywords_to_learn_one() -> None:
    model, expected = regressor(calendar=("day",)), train_on_streams(regressor(calendar=("day",)))
    score(model, streams())
    x = {"a": 0.5, "b": 1.0}
    assert model.predict_one(x, key="pump 1", time=1e5) == expected.predict_one(x, key="pump 1", time=1e5)
    assert model.predict_one(x, key="pump 0") == expected.predict_one(x, key="pump 0")


def test_a_field_may_bypass_the_other_steps() -> None:
    with_fields = (({**x, "sensor": keywords["key"], "last": keywords["end"]}, y) for x, y, keywords in streams())
    with_keywords = ((x, y, {name: keywords[name] for name in ("key", "end")}) for x, y, keywords in streams())
    model = (compose.Discard("sensor", "last") | scaler()) + compose.Select("sensor", "last")
    model |= regressor(key_field="sensor", end_field="last")
    by_keyword = scaler() | regressor()
    score(model, with_fields)
    score(by_keyword, with_keywords)
    x = {"a": 0.5, "b": 1.0}
    expected = by_keyword.predict_one(x, key="pump 1")
    assert model.predict_one({**x, "sensor": "pump 1", "last": False}) == expected


def test_a_pipeline_learns_frames_with_keys() -> None:
    X, y = pd.DataFrame([x for x, _ in numbers()]), pd.Series([y for _, y in numbers()])
    keys = [f"pump {t % 2}" for t in range(COUNT)]
    model = scaler() | regressor()
    model.learn_many(X, y, key=keys)
    assert model["GRURegressor"].engine.keys == ["pump 0", "pump 1"]
    assert len(model.predict_many(X)) == COUNT


def test_delayed_targets_are_learned_when_they_arrive() -> None:
    dated = [({"when": START + timedelta(hours=t), **x}, y) for t, (x, y) in enumerate(numbers())]
    immediate, delayed = regressor(calendar=("day",)), regressor(calendar=("day",))
    score(immediate, dated)
    assert score(delayed, dated, moment="when", delay=timedelta(hours=3)) < 0.4
    assert delayed.predict_one(dated[-1][0]) == immediate.predict_one(dated[-1][0])  # in the end all have arrived
    assert delayed.engine.settings.inputs == ("a", "b")


def test_an_evaluation_reports_time_and_memory() -> None:
    states = list(
        evaluate.iter_progressive_val_score(
            numbers(), regressor(), metrics.MAE(), step=30, measure_time=True, measure_memory=True
        )
    )
    assert [state["Step"] for state in states] == [30, 60, 90]
    assert states[0]["Memory"] == states[-1]["Memory"] > 10_000
    printed = io.StringIO()
    score(regressor(), metric=metrics.MAE() + metrics.RMSE(), print_every=45, show_memory=True, file=printed)
    assert printed.getvalue().count("MAE") == 2


@pytest.mark.parametrize("metric", [metrics.MAE(), metrics.R2(), metrics.SMAPE(), utils.Rolling(metrics.MAE, 30)])
def test_regression_metrics(metric: Any) -> None:
    assert math.isfinite(score(regressor(), metric=metric))


@pytest.mark.parametrize(
    "metric", [metrics.ROCAUC(), metrics.LogLoss(), metrics.F1(), metrics.MCC(), metrics.CohenKappa()]
)
def test_binary_metrics(metric: Any) -> None:
    value = score(classifier(), list(classes((True, False))) * 4, metric)
    assert value < math.log(2) if isinstance(metric, metrics.LogLoss) else value > 0.6


@pytest.mark.parametrize("metric", [metrics.Accuracy(), metrics.CrossEntropy(), metrics.MacroF1()])
def test_multiclass_metrics(metric: Any) -> None:
    value = score(classifier(), classes("xyz"), metric)
    assert value < math.log(3) if isinstance(metric, metrics.CrossEntropy) else value > 0.4


def test_multi_target_metrics() -> None:
    events = (({**x}, {"u": y, "v": -y}) for x, y in numbers())
    metric = metrics.multioutput.PerOutput(metrics.MAE())
    evaluate.progressive_val_score(events, GRUMultiTargetRegressor(**SMALL), metric)
    assert all(each.get() < 0.4 for each in metric.metrics.values())


TEXTS = [("the cat sat", True), ("a dog ran far", False), ("cat and mouse", True), ("the dog barks", False)] * 15


@pytest.mark.parametrize("words", [feature_extraction.BagOfWords(), feature_extraction.TFIDF()])
def test_each_new_word_is_a_new_input(words: Any) -> None:
    model = words | classifier()
    assert score(model, TEXTS, metrics.Accuracy()) > 0.8
    assert len(model["GRUClassifier"].engine.settings.inputs) == len(
        {word for text, _ in TEXTS for word in text.split()} - {"a"}
    )


def test_text_may_be_a_feature() -> None:
    assert score(classifier(), [({"text": text}, y) for text, y in TEXTS], metrics.Accuracy()) > 0.8


def test_other_steps_receive_their_own_time_keyword() -> None:
    how = utils.TimeRolling(stats.Mean, timedelta(days=1))
    model = feature_extraction.TargetAgg(by="b", how=how) + compose.Select("a") | regressor()
    naive = START.replace(tzinfo=None)  # river's rolling windows compare times without a zone
    keywords = ({"t": naive + timedelta(hours=t), "key": f"pump {t % 2}"} for t in range(COUNT))
    assert score(model, ((*event, keyword) for event, keyword in zip(numbers(), keywords, strict=True))) < 0.4
    assert model["GRURegressor"].engine.keys == ["pump 0", "pump 1"]


def test_missing_features_may_be_imputed_or_left_missing() -> None:
    events = [({**x, "a": None} if t % 5 == 0 else x, y) for t, (x, y) in enumerate(numbers())]
    assert score(regressor(), events) < 0.4
    assert score(preprocessing.StatImputer(("a", stats.Mean())) | regressor(), events) < 0.5


@pytest.mark.parametrize("kind", [anomaly.ThresholdFilter, anomaly.QuantileFilter])
def test_anomalies_removed_by_a_filter_are_not_learned(kind: Any) -> None:
    model = kind(anomaly.GaussianScorer(grace_period=20), 0.99) | regressor(key_field="key")
    for t, (x, y) in enumerate(numbers()):
        model.learn_one({**x, "key": f"pump {t % 2}"}, y + 100 * (t == 80))
    lengths = [model["GRURegressor"].engine.length(key) for key in ("pump 0", "pump 1")]
    assert lengths[0] < COUNT // 2
    assert sum(lengths) > 0.8 * COUNT


def test_the_detector_of_a_filter_refuses_keywords() -> None:
    model = anomaly.QuantileFilter(anomaly.HalfSpaceTrees(seed=1), 0.9) | regressor()
    with pytest.raises(TypeError, match="unexpected keyword argument 'key'"):
        model.learn_one({"a": 1.0}, 1.0, key="pump")


def test_a_pipeline_drops_keywords_that_a_wrapper_does_not_accept() -> None:
    model = scaler() | preprocessing.TargetStandardScaler(regressor())
    score(model, streams())
    assert model["TargetStandardScaler"].regressor.engine.keys == ["stream"]


def test_an_active_learner_requests_fewer_labels() -> None:
    events = list(classes("xyz"))
    model = active.EntropySampler(classifier(learning_rate=0.03), seed=1)
    for x, y in events[:3]:
        model.learn_one(x, y)  # with any classifier it requests none before two classes are known
    requests = 0
    for x, y in events * 4:
        _, is_requested = model.predict_one(x)
        if is_requested:
            model.learn_one(x, y)
            requests += 1
    assert 0 < requests < 2 * COUNT


def test_river_datasets_are_learned() -> None:
    assert score(regressor(), datasets.TrumpApproval()) < 1.5
    assert score(classifier(), datasets.Phishing(), metrics.ROCAUC()) > 0.8
    chicks = list(datasets.ChickWeights())
    model = regressor(key_field="chick")
    assert math.isfinite(score(model, chicks))
    assert set(model.engine.keys) == {x["chick"] for x, _ in chicks}


def test_iter_frame_yields_a_stream_of_events() -> None:
    X, y = pd.DataFrame([x for x, _ in numbers()]), pd.Series([y for _, y in numbers()])
    assert score(regressor(), stream.iter_frame(X, y)) == score(regressor())


def test_a_copy_is_independent() -> None:
    model = train_on_streams(scaler() | regressor())
    x = {"a": 0.5, "b": 1.0}
    for other in (copy.deepcopy(model), model.clone(include_attributes=True)):
        before = model.predict_one(x, key="pump 1")
        assert other.predict_one(x, key="pump 1") == before
        other.learn_one(x, 5.0, key="pump 1")
        assert model.predict_one(x, key="pump 1") == before


def test_parameters_can_be_changed_through_a_pipeline() -> None:
    model = scaler() | regressor(clip_limit=2.0)
    step = model.clone({"GRURegressor": {"hidden": 6, "clip_limit": 3.0}})["GRURegressor"]
    assert (step.hidden, step.settings) == (6, {"clip_limit": 3.0})
    score(model)
    model.mutate({"GRURegressor": {"learning_rate": 0.5}})
    assert model["GRURegressor"].engine.settings.learning_rate == 0.5
    grid = utils.expand_param_grid(model, {"GRURegressor": {"window": [2, 8], "clip_limit": [1.0, 2.0]}})
    assert len({(each["GRURegressor"].window, each["GRURegressor"].settings["clip_limit"]) for each in grid}) == 4


def test_method_calls_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    model = scaler() | regressor()
    with caplog.at_level(logging.DEBUG), utils.log_method_calls(lambda part: type(part) is GRURegressor):
        score(model, [({"a": 1.0}, 1.0)])
    assert caplog.messages == ["GRURegressor.predict_one", "GRURegressor.learn_one"]


def test_a_pipeline_can_be_inspected() -> None:
    model = train_on_streams(scaler() | regressor())
    assert "Prediction: " in model.debug_one({"a": 0.5, "b": 1.0})
    assert "GRURegressor" in model._repr_html_()


def test_steps_may_learn_during_predict() -> None:
    with compose.learn_during_predict():
        assert score(scaler() | regressor()) < 0.4


def test_a_forecaster_in_a_pipeline_is_evaluated() -> None:
    metric = evaluate.evaluate(numbers(), scaler() | forecaster(), metrics.MAE(), 3, agg_func=statistics.mean)
    assert metric.get() < 1.0
    alone = evaluate.evaluate(((None, y) for _, y in numbers()), forecaster(), metrics.MAE(), 3)
    assert len(alone.get()) == 3


def test_a_forecaster_in_a_pipeline_reads_the_key_field() -> None:
    model = (compose.Discard("sensor") | scaler()) + compose.Select("sensor") | forecaster(key_field="sensor")
    for x, y, keywords in streams():
        model.learn_one({**x, "sensor": keywords["key"]}, y)
    xs = [{"a": 0.0, "b": 0.0, "sensor": "pump 1"}] * 3
    assert model.forecast(3, xs) == model["GRUForecaster"].forecast(3, key="pump 1")
    assert model.forecast(3, xs) != model["GRUForecaster"].forecast(3, key="pump 0")


def test_a_regressor_works_in_snarimax() -> None:
    model = time_series.SNARIMAX(p=4, d=0, q=0, regressor=regressor())
    metric = evaluate.evaluate(((None, y) for _, y in numbers()), model, metrics.MAE(), 2)
    assert max(metric.get()) < 0.6
