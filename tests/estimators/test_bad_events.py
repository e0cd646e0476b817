"""Unusable values are refused with a one-line error, and leave the estimator bitwise unchanged."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_support import state_of

from stream_rnn.errors import DataError, SettingError, StreamRNNError
from stream_rnn.estimators import GRUClassifier, GRUForecaster, GRUMultiTargetRegressor, GRURegressor
from stream_rnn.estimators.recurrent import RESERVED

SMALL: dict[str, Any] = {"hidden": 4, "window": 4, "seed": 1}
KINDS: dict[str, Any] = {
    "regressor": GRURegressor,
    "classifier": GRUClassifier,
    "multi_target": GRUMultiTargetRegressor,
    "forecaster": GRUForecaster,
}
LABEL_KINDS = [kind for kind in KINDS if kind != "forecaster"]
X = {"a": 1.0, "b": 2.0}
NAN = math.nan


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


def target(kind: str, t: int = 1) -> Any:
    return {"classifier": "uv"[t % 2], "multi_target": {"u": math.sin(t)}}.get(kind, math.sin(t))


def learn(kind: str, model: Any, x: Any, y: Any, **keywords: Any) -> None:
    if kind == "forecaster":
        model.learn_one(y, x, **keywords)
    else:
        model.learn_one(x, y, **keywords)


def trained(kind: str, **settings: Any) -> Any:
    """Return an estimator that has learned a few events."""
    model = KINDS[kind](**SMALL, **settings)
    for t in range(8):
        learn(kind, model, {"a": math.sin(t), "b": 1.0 * t, "sensor": "pump", "when": 60.0 * t}, target(kind, t))
    return model


def refused(model: Any, call: Any, error: type[StreamRNNError] = DataError) -> str:
    """Check that an estimator, trained or new, refuses a call in one line and stays unchanged; return the line."""
    lines = []
    for estimator in (model, model.clone()):
        before = pickle.dumps(estimator)
        with pytest.raises(error) as raised:
            call(estimator)
        assert pickle.dumps(estimator) == before
        lines.append(str(raised.value))
    assert "\n" not in lines[0]
    return lines[0]


def refused_event(kind: str, model: Any, x: Any, y: Any, **keywords: Any) -> str:
    """Check the same of learning an event."""
    return refused(model, lambda estimator: learn(kind, estimator, x, y, **keywords))


NOT_NUMBERS: dict[str, Any] = {
    "digits": "5",
    "bytes": b"5",
    "list": [1.0],
    "dict": {"u": [1.0]},
    "complex": 1j,
    "object": Unhashable(),
    "array": np.ones(2),
    "NaT": pd.NaT,
    "NA": pd.NA,
    "too large": 10**400,
}


@pytest.mark.parametrize("bad", NOT_NUMBERS)
@pytest.mark.parametrize("kind", ["regressor", "forecaster", "multi_target"])
def test_a_target_that_is_not_a_number_is_refused(kind: str, bad: str) -> None:
    value = {"u": NOT_NUMBERS[bad]} if kind == "multi_target" else NOT_NUMBERS[bad]
    line = refused_event(kind, trained(kind), {**X, "new": 1.0, "word": "new"}, value)
    assert "y must consist of numbers, got" in line


@pytest.mark.parametrize("bad", ["5", 5.0, [1.0], b"u"])
def test_targets_that_are_not_a_dict_are_refused(bad: Any) -> None:
    line = refused(trained("multi_target"), lambda model: model.learn_one(X, bad))
    assert line.startswith("y must be a dict of targets, got")


@pytest.mark.parametrize("bad", [[1], {"u": 1}, {1}, np.ones(1), Unhashable(), pd.NA])
def test_a_class_that_is_not_hashable_or_comparable_is_refused(bad: Any) -> None:
    line = refused(trained("classifier"), lambda model: model.learn_one({**X, "new": 1.0}, bad))
    assert line.startswith("y must be hashable and comparable, got")


NOT_FEATURES = {name: value for name, value in NOT_NUMBERS.items() if name not in ("digits", "NaT")}
"""All but text and times, which may be features."""
BAD_X: dict[str, Any] = {
    "None": None,
    "list": [1.0, 2.0],
    "text": "ab",
    "number": 1.0,
    **{f"feature {name}": {"a": value, "b": 1.0} for name, value in NOT_FEATURES.items()},
    **{f"new feature {name}": X | {"new": value} for name, value in NOT_FEATURES.items()},
    "day": X | {"day": date(2026, 1, 1)},
    "span": X | {"span": timedelta(1)},
    "two times": X | {"from": datetime(2026, 1, 1, tzinfo=UTC), "to": datetime(2026, 1, 2, tzinfo=UTC)},
    "no time": X | {"when": pd.NaT},
}


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(kind, bad) for kind in KINDS for bad in BAD_X if (kind, bad) != ("forecaster", "None")],  # it needs no x
)
def test_unusable_features_are_refused(kind: str, bad: str) -> None:
    y = "new" if kind == "classifier" else {"new": 1.0} if kind == "multi_target" else 1.0
    line = refused_event(kind, trained(kind), BAD_X[bad], y)
    assert line.startswith(
        (
            "x must be a dict",
            "x must consist of numbers",
            "set time_field to the event's time: 'from', 'to' are times",
            "time must be seconds",
        )
    )
    if kind in LABEL_KINDS:
        assert refused(trained(kind), lambda model: model.predict_one(BAD_X[bad])) == line


@pytest.mark.parametrize("bad", [[1], {}, {1}, NAN, np.float64("nan"), ([1],), np.ones(1), pd.NaT, pd.NA])
@pytest.mark.parametrize("by", ["keyword", "field"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_key_is_refused(kind: str, by: str, bad: Any) -> None:
    model, x, y = trained(kind, key_field="sensor"), {**X, "when": 1.0, "new": 1.0}, target(kind)
    keywords = {"key": bad} if by == "keyword" else {}
    x["sensor"] = bad if by == "field" else "pump"
    line = refused_event(kind, model, x, y, **keywords)
    assert line.startswith(("key must be hashable", "key must identify a stream"))
    if kind == "forecaster":
        assert refused(model, lambda estimator: estimator.forecast(2, [x, x], **keywords)) == line
    else:
        assert refused(model, lambda estimator: estimator.predict_one(x, **keywords)) == line


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_key_field_is_refused(kind: str) -> None:
    for x in (X, X | {"sensor": None}):
        line = refused_event(kind, trained(kind, key_field="sensor"), x, target(kind))
        assert line == "key must identify a stream, got None"


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_distinguished_as_by_a_dict(kind: str) -> None:
    model = KINDS[kind](**SMALL)
    for key in (1, np.int64(1), "1", np.str_("1")):
        learn(kind, model, X, target(kind), key=key)
    assert model.engine.keys == [1, "1"]


@pytest.mark.parametrize("bad", [b"1", (1,), 1.5, True, "\ud800"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_cannot_be_saved_is_refused(kind: str, bad: Any) -> None:
    model = trained(kind)
    before = model.engine.keys
    line = refused(model, lambda estimator: learn(kind, estimator, X, target(kind), key=bad))
    assert line.startswith(("a key must be a string or an integer", "a key must be valid Unicode text or an integer"))
    assert model.engine.keys == before


@pytest.mark.parametrize("bad", ["noon", [1.0], date(2026, 1, 1), pd.NaT])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_time_is_refused(kind: str, bad: Any) -> None:
    model, x = trained(kind, time_field="when"), X | {"new": 1.0, "sensor": 1.0}
    assert refused_event(kind, model, x, target(kind), time=bad).startswith("time must be seconds")
    assert refused_event(kind, model, x | {"when": bad}, target(kind)).startswith("time must be seconds")


@pytest.mark.parametrize("bad", ["false", "", 2, 0.5, [], pd.NA])
@pytest.mark.parametrize("kind", KINDS)
def test_an_end_that_is_neither_true_nor_false_is_refused(kind: str, bad: Any) -> None:
    x, y = X | {"new": 1.0, "sensor": 1.0, "when": 1.0}, target(kind)
    line = refused_event(kind, trained(kind), x, y, end=bad)
    assert line.startswith("end must be True or False, got")
    assert refused_event(kind, trained(kind, end_field="last"), x | {"last": bad}, y) == line


@pytest.mark.parametrize("good", [False, None, 0, 0.0, NAN, np.bool_(False)])
def test_false_and_missing_ends_do_not_end_a_sequence(good: Any) -> None:
    model, other = trained("regressor", end_field="last"), trained("regressor", end_field="last")
    model.learn_one(X | {"last": good}, 1.0, end=good)
    other.learn_one(X, 1.0)
    assert pickle.dumps(model) == pickle.dumps(other)


@pytest.mark.parametrize("odd", [NAN, None, math.inf, -math.inf, 1e300, -1e300])
@pytest.mark.parametrize("kind", KINDS)
def test_missing_infinite_and_huge_numbers_do_not_stop_learning(kind: str, odd: Any) -> None:
    model = KINDS[kind](**SMALL)
    for t in range(200):
        x, y = {"a": math.sin(t / 4), "b": 1.0 * (t % 2)}, target(kind, t)
        if t in (0, 50):
            x["a"] = odd
        if t in (0, 60) and kind != "classifier":
            y = {"u": odd} if kind == "multi_target" else odd
        learn(kind, model, x, y)
    predictions = {
        "regressor": lambda: [model.predict_one(X)],
        "classifier": lambda: model.predict_proba_one(X).values(),
        "multi_target": lambda: model.predict_one(X).values(),
        "forecaster": lambda: model.forecast(3),
    }
    assert all(map(math.isfinite, predictions[kind]()))


@pytest.mark.parametrize("kind", KINDS)
def test_infinities_and_numbers_beyond_float32_are_missing(kind: str) -> None:
    models = [trained(kind) for _ in range(5)]
    for model, value in zip(models, (None, NAN, math.inf, -math.inf, 1e300), strict=True):
        y = {"classifier": "u", "multi_target": {"u": value}}.get(kind, value)
        learn(kind, model, {"a": value, "b": 1.0}, y)
        for t in range(20):
            learn(kind, model, {"a": math.cos(t), "b": 1.0 * t}, target(kind, t))
    states = [pickle.dumps(model) for model in models]
    assert states[1:] == states[:-1]


@pytest.mark.parametrize("kind", KINDS)
def test_events_without_features_are_processed(kind: str) -> None:
    model = KINDS[kind](**SMALL)
    for x in ({}, {"a": None}, X, {}, X):
        learn(kind, model, x, target(kind))
    assert model.engine.length("stream") == 5


@pytest.mark.parametrize("kind", KINDS)
def test_refused_events_do_not_influence_later_learning(kind: str) -> None:
    model = trained(kind)
    other = copy.deepcopy(model)
    for t in range(20):
        for bad in ({"key": [1]}, {"time": "noon"}, {"end": "no"}):
            with pytest.raises(DataError):
                learn(kind, model, X | {f"new {t}": 1.0}, target(kind), **bad)
        for estimator in (model, other):
            learn(kind, estimator, {"a": math.cos(t), "c": 1.0 * t}, target(kind, t))
    assert state_of(model) == state_of(other)


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"hidden": 0}, "hidden must be from 1"),
    ({"hidden": 1.5}, "hidden: expected `int`, got `float`"),
    ({"hidden": (4, 4)}, "hidden must be one number or one per layer"),
    ({"window": 0}, "window must be from 1"),
    ({"window": "8"}, "window: expected `int`, got `str`"),
    ({"learning_rate": -1.0}, "learning_rate must be above 0"),
    ({"learning_rate": NAN}, "learning_rate must be a finite number"),
    ({"max_features": 0}, "max_features must be an integer of at least 1"),
    ({"text_width": 0}, "text_width must be an integer of at least 1"),
    ({"text_width": True}, "text_width must be an integer of at least 1"),
    ({"seed": -1}, "seed must be at least 0"),
    ({"seed": 1.5}, "seed: expected `int`"),
    ({"hiden": 3}, "unknown setting 'hiden'; did you mean 'hidden'"),
    ({"clip_limit": -1.0}, "clip_limit must be above 0"),
    ({"key_field": ["a"]}, "key_field, time_field and end_field must be names of features"),
    ({"key_field": "a", "end_field": "a"}, "key_field, time_field and end_field must be different"),
    *[({name: None}, f"{name} is set by the estimator") for name in RESERVED],
]


@pytest.mark.parametrize(("wrong", "line"), SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_setting_is_refused_when_the_estimator_is_created(
    kind: str, wrong: dict[str, Any], line: str
) -> None:
    with pytest.raises(SettingError, match=line) as raised:
        KINDS[kind](**wrong)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "value"), [("loss", "squared"), ("top", 2)])
def test_a_classifier_sets_its_loss_and_forecasts_all_classes(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"{name} is set by the estimator and cannot be passed, got {value!r}"):
        GRUClassifier(**{name: value})


@pytest.mark.parametrize("bad", [-1.0, NAN, 0.0, "fast", None])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unusable_learning_rate_is_refused(kind: str, bad: Any) -> None:
    refused(trained(kind), lambda model: model.mutate({"learning_rate": bad}), SettingError)


def test_numpy_settings_equal_python_settings() -> None:
    grid = {"hidden": np.int64(4), "window": np.int32(4), "learning_rate": np.float64(3e-3), "seed": np.int64(1)}
    model = GRURegressor(**grid)
    for t in range(8):
        model.learn_one({"a": math.sin(t), "b": 1.0 * t, "sensor": "pump", "when": 60.0 * t}, math.sin(t))
    assert model.predict_one(X) == trained("regressor").predict_one(X)


@pytest.mark.parametrize("bad", [0, -1, 1.5, 2.0, True, None, "3", NAN])
def test_an_unusable_horizon_is_refused(bad: Any) -> None:
    line = refused(trained("forecaster"), lambda model: model.forecast(bad))
    assert line == f"horizon must be an integer of at least 1, got {bad!r}"
    with pytest.raises(SettingError, match="horizon"):
        GRUForecaster(horizon=bad)


@pytest.mark.parametrize("bad", [[], [{}], [{}] * 3, 5, iter([{}, {}])])
def test_xs_of_another_length_are_refused(bad: Any) -> None:
    line = refused(trained("forecaster"), lambda model: model.forecast(2, bad))
    assert line.startswith("xs must be a sequence with one entry for each of the 2 events ahead, got ")


@pytest.mark.parametrize("bad", [None, [{}, {}], [None, None], [{"sensor": None}] * 2])
def test_xs_without_the_key_field_are_refused(bad: Any) -> None:
    line = refused(trained("forecaster", key_field="sensor"), lambda model: model.forecast(2, bad))
    assert line == "key must identify a stream, got None"


FRAME = pd.DataFrame([X, X])
DUPLICATES = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "a"])
TIMES = pd.to_datetime(["2026-01-01", "2026-01-02"])


@pytest.mark.parametrize("frame", [None, X, [X, X], np.ones((2, 2)), FRAME["a"], "ab", DUPLICATES])
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_an_unusable_frame_is_refused(kind: str, frame: Any) -> None:
    line = refused(trained(kind), lambda model: model.learn_many(frame, [target(kind)] * 2))
    assert line.startswith(
        ("X must be a data frame, got", "X must not have two columns of the same name, got ['a', 'a']")
    )


@pytest.mark.parametrize(
    "values",
    [[[1], 1.0], [b"1", 1.0], pd.to_timedelta([1, 2]), [1j, 2j], pd.period_range("2026", periods=2)],
)
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_an_unusable_column_is_refused(kind: str, values: Any) -> None:
    frame = FRAME.assign(new=[1.0, 2.0], bad=values)
    line = refused(trained(kind), lambda model: model.learn_many(frame, [target(kind)] * 2))
    assert line.startswith("X must consist of numbers, got")


@pytest.mark.parametrize("ys", [None, 1.0, "uv", {0: 1.0, 1: 2.0}, [], ["new"], ["new"] * 3])
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_targets_of_another_length_than_the_frame_are_refused(kind: str, ys: Any) -> None:
    line = refused(trained(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), ys))
    assert line.startswith(
        ("y must be a series, an array or a list, got", "y must have one value for each of the 2 rows of X, got")
    )


@pytest.mark.parametrize("ys", [FRAME, FRAME.to_numpy()])
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_two_dimensional_targets_are_refused(kind: str, ys: Any) -> None:
    assert refused(trained(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), ys)).startswith(
        ("y must be", "y must consist of numbers")
    )


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_an_unusable_target_in_the_last_row_keeps_the_first_row_from_being_learned(kind: str) -> None:
    good = {"classifier": "new", "multi_target": {"new": 1.0}}.get(kind, 1.0)
    frame = FRAME.assign(late=[NAN, 1.0])
    refused(trained(kind), lambda model: model.learn_many(frame, [good, [1]]))


@pytest.mark.parametrize(
    "bad",
    [
        *({"key": keys} for keys in (["p"], ["p", [1]], ["p", NAN], ["p", None], 1.5, {0: "p", 1: "q"})),
        *({"time": times} for times in ([1.0], ["noon", 1.0], 1.0, "noon")),
        *({"end": ends} for ends in ([True], True, ["no", "yes"], [0, 2])),
    ],
)
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_unusable_keywords_of_a_frame_are_refused(kind: str, bad: dict[str, Any]) -> None:
    refused(trained(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), [target(kind)] * 2, **bad))


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_unusable_fields_of_a_frame_are_refused(kind: str) -> None:
    ys = [target(kind)] * 2
    for frame in (FRAME, FRAME.assign(sensor=["p", None]), FRAME.assign(sensor=[1.0, NAN])):
        line = refused(trained(kind, key_field="sensor"), lambda model, frame=frame: model.learn_many(frame, ys))
        assert line.startswith(("X must have the column 'sensor'", "key must identify a stream", "a key must be a str"))
    line = refused(trained(kind), lambda model: model.learn_many(FRAME.assign(t=TIMES, u=TIMES), ys))
    assert line.startswith("set time_field to the event's time: 't', 'u' are times")


@pytest.mark.parametrize("bad", [{"X": [X]}, {"key": ["p"]}, {"key": ["p", [1]]}, {"time": "noon"}])
@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_predict_many_refuses_unusable_frames_and_keywords(kind: str, bad: dict[str, Any]) -> None:
    refused(trained(kind), lambda model: model.predict_many(**{"X": FRAME} | bad))
