"""What cannot be used is refused in one line, and the estimator stays to the bit as if it had never been asked."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stream_rnn.errors import DataError, SettingError, StreamRNNError
from stream_rnn.estimators import GRUClassifier, GRUForecaster, GRUMultiTargetRegressor, GRURegressor

SMALL: dict[str, Any] = {"hidden": 4, "window": 4, "seed": 1}
KINDS: dict[str, Any] = {
    "regressor": GRURegressor,
    "classifier": GRUClassifier,
    "several": GRUMultiTargetRegressor,
    "forecaster": GRUForecaster,
}
LABELS = [kind for kind in KINDS if kind != "forecaster"]
X = {"a": 1.0, "b": 2.0}
NAN = math.nan


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


def target(kind: str, t: int = 1) -> Any:
    return {"classifier": "uv"[t % 2], "several": {"u": math.sin(t)}}.get(kind, math.sin(t))


def learn(kind: str, model: Any, x: Any, y: Any, **told: Any) -> None:
    if kind == "forecaster":
        model.learn_one(y, x, **told)
    else:
        model.learn_one(x, y, **told)


def told(kind: str, **settings: Any) -> Any:
    """Return an estimator that learned something."""
    model = KINDS[kind](**SMALL, **settings)
    for t in range(8):
        learn(kind, model, {"a": math.sin(t), "b": 1.0 * t, "sensor": "pump", "when": 60.0 * t}, target(kind, t))
    return model


def refuses(model: Any, call: Any, error: type[StreamRNNError] = DataError) -> str:
    """Check that a call is refused in one line by an estimator, told or new, that stays as it was; return the line."""
    lines = []
    for one in (model, model.clone()):
        before = pickle.dumps(one)
        with pytest.raises(error) as raised:
            call(one)
        assert pickle.dumps(one) == before
        lines.append(str(raised.value))
    assert "\n" not in lines[0]
    return lines[0]


NO_NUMBERS: dict[str, Any] = {
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


@pytest.mark.parametrize("bad", NO_NUMBERS)
@pytest.mark.parametrize("kind", ["regressor", "forecaster", "several"])
def test_targets_that_are_no_numbers(kind: str, bad: str) -> None:
    value = {"u": NO_NUMBERS[bad]} if kind == "several" else NO_NUMBERS[bad]
    line = refuses(told(kind), lambda model: learn(kind, model, {**X, "new": 1.0, "word": "new"}, value))
    assert "y must be numbers, got" in line


@pytest.mark.parametrize("bad", ["5", 5.0, [1.0], b"u"])
def test_several_targets_that_are_no_dict(bad: Any) -> None:
    line = refuses(told("several"), lambda model: model.learn_one(X, bad))
    assert line.startswith("y must be a dict of targets, got")


@pytest.mark.parametrize("bad", [[1], {"u": 1}, {1}, np.ones(1), Unhashable(), pd.NA])
def test_classes_that_are_none(bad: Any) -> None:
    line = refuses(told("classifier"), lambda model: model.learn_one({**X, "new": 1.0}, bad))
    assert line.startswith("y must be hashable, and equal to itself, got")


BAD_X: dict[str, Any] = {
    "None": None,
    "list": [1.0, 2.0],
    "text": "ab",
    "number": 1.0,
    **{
        f"feature {name}": {"a": value, "b": 1.0} for name, value in NO_NUMBERS.items() if name not in ("digits", "NaT")
    },
    **{
        f"new feature {name}": X | {"new": value} for name, value in NO_NUMBERS.items() if name not in ("digits", "NaT")
    },
    "day": X | {"day": date(2026, 1, 1)},
    "span": X | {"span": timedelta(1)},
    "two times": X | {"from": datetime(2026, 1, 1, tzinfo=UTC), "to": datetime(2026, 1, 2, tzinfo=UTC)},
    "no time": X | {"when": pd.NaT},
}


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(kind, bad) for kind in KINDS for bad in BAD_X if (kind, bad) != ("forecaster", "None")],  # it needs none
)
def test_features_that_are_none(kind: str, bad: str) -> None:
    y = "new" if kind == "classifier" else {"new": 1.0} if kind == "several" else 1.0
    line = refuses(told(kind), lambda model: learn(kind, model, BAD_X[bad], y))
    assert line.startswith(("x must be", "time_field must say which of 'from', 'to'", "time must be seconds"))
    if kind in LABELS:
        assert refuses(told(kind), lambda model: model.predict_one(BAD_X[bad])) == line


@pytest.mark.parametrize("bad", [[1], {}, {1}, NAN, np.float64("nan"), ([1],), np.ones(1), pd.NaT, pd.NA])
@pytest.mark.parametrize("by", ["keyword", "field"])
@pytest.mark.parametrize("kind", KINDS)
def test_streams_that_are_none(kind: str, by: str, bad: Any) -> None:
    model, x, y = told(kind, key_field="sensor"), {**X, "when": 1.0, "new": 1.0}, target(kind)
    told_by = {"key": bad} if by == "keyword" else {}
    x["sensor"] = bad if by == "field" else "pump"
    line = refuses(model, lambda one: learn(kind, one, x, y, **told_by))
    assert line.startswith(("key must be hashable", "key must tell the stream"))
    if kind == "forecaster":
        assert refuses(model, lambda one: one.forecast(2, [x, x], **told_by)) == line
    else:
        assert refuses(model, lambda one: one.predict_one(x, **told_by)) == line


@pytest.mark.parametrize("kind", KINDS)
def test_no_stream_where_a_field_should_tell(kind: str) -> None:
    for x in (X, X | {"sensor": None}):
        line = refuses(told(kind, key_field="sensor"), lambda one, x=x: learn(kind, one, x, target(kind)))
        assert line == "key must tell the stream, got None"


@pytest.mark.parametrize("kind", KINDS)
def test_streams_are_told_apart_as_python_does(kind: str) -> None:
    model = KINDS[kind](**SMALL)
    for key in (1, 1.0, True, np.int64(1), "1", b"1", (1,), ("1",)):
        learn(kind, model, X, target(kind), key=key)
    assert model.engine.keys == [1, "1", b"1", (1,), ("1",)]


@pytest.mark.parametrize("bad", ["noon", [1.0], date(2026, 1, 1), pd.NaT])
@pytest.mark.parametrize("kind", KINDS)
def test_times_that_are_none(kind: str, bad: Any) -> None:
    model, x = told(kind, time_field="when"), X | {"new": 1.0, "sensor": 1.0}
    assert refuses(model, lambda one: learn(kind, one, x, target(kind), time=bad)).startswith("time must be seconds")
    assert refuses(model, lambda one: learn(kind, one, x | {"when": bad}, target(kind))).startswith("time must be")


@pytest.mark.parametrize("bad", ["false", "", 2, 0.5, [], pd.NA])
@pytest.mark.parametrize("kind", KINDS)
def test_ends_that_do_not_say(kind: str, bad: Any) -> None:
    x, y = X | {"new": 1.0, "sensor": 1.0, "when": 1.0}, target(kind)
    line = refuses(told(kind), lambda one: learn(kind, one, x, y, end=bad))
    assert line.startswith("end must be true or false, got")
    assert refuses(told(kind, end_field="last"), lambda one: learn(kind, one, x | {"last": bad}, y)) == line


@pytest.mark.parametrize("good", [False, None, 0, 0.0, NAN, np.bool_(False)])
def test_what_ends_nothing(good: Any) -> None:
    model, other = told("regressor", end_field="last"), told("regressor", end_field="last")
    model.learn_one(X | {"last": good}, 1.0, end=good)
    other.learn_one(X, 1.0)
    assert pickle.dumps(model) == pickle.dumps(other)


@pytest.mark.parametrize("odd", [NAN, None, math.inf, -math.inf, 1e300, -1e300])
@pytest.mark.parametrize("kind", KINDS)
def test_odd_numbers_leave_the_estimator_able_to_learn(kind: str, odd: Any) -> None:
    model = KINDS[kind](**SMALL)
    for t in range(200):
        x, y = {"a": math.sin(t / 4), "b": 1.0 * (t % 2)}, target(kind, t)
        if t in (0, 50):
            x["a"] = odd
        if t in (0, 60) and kind != "classifier":
            y = {"u": odd} if kind == "several" else odd
        learn(kind, model, x, y)
    made = {"forecaster": lambda: model.forecast(3), "several": lambda: model.predict_one(X).values()}
    made["classifier"] = lambda: model.predict_proba_one(X).values()
    assert all(map(math.isfinite, made.get(kind, lambda: [model.predict_one(X)])()))


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_number_can_be_is_missing(kind: str) -> None:
    models = [told(kind) for _ in range(5)]
    for model, value in zip(models, (None, NAN, math.inf, -math.inf, 1e300), strict=True):  # beyond float32
        y = {"classifier": "u", "several": {"u": value}}.get(kind, value)
        learn(kind, model, {"a": value, "b": 1.0}, y)
        for t in range(20):
            learn(kind, model, {"a": math.cos(t), "b": 1.0 * t}, target(kind, t))
    made = [pickle.dumps(model) for model in models]
    assert made[1:] == made[:-1]


@pytest.mark.parametrize("kind", KINDS)
def test_no_features_at_first_and_later(kind: str) -> None:
    model = KINDS[kind](**SMALL)
    for x in ({}, {"a": None}, X, {}, X):
        learn(kind, model, x, target(kind))
    assert model.engine.length("stream") == 5


@pytest.mark.parametrize("kind", KINDS)
def test_refused_events_leave_no_trace_in_what_is_learned_later(kind: str) -> None:
    model = told(kind)
    other = copy.deepcopy(model)
    for t in range(20):
        for bad in ({"key": [1]}, {"time": "noon"}, {"end": "no"}):
            with pytest.raises(DataError):
                learn(kind, model, X | {f"new {t}": 1.0}, target(kind), **bad)
        for one in (model, other):
            learn(kind, one, {"a": math.cos(t), "c": 1.0 * t}, target(kind, t))
    assert pickle.dumps(pickle.loads(pickle.dumps(model))) == pickle.dumps(pickle.loads(pickle.dumps(other)))  # noqa: S301


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"hidden": 0}, "hidden must be from 1"),
    ({"hidden": 1.5}, "hidden: expected `int`, got `float`"),
    ({"hidden": (4, 4)}, "hidden must be one number or one per layer"),
    ({"window": 0}, "window must be from 1"),
    ({"window": "8"}, "window: expected `int`, got `str`"),
    ({"learning_rate": -1.0}, "learning_rate must be above 0"),
    ({"learning_rate": NAN}, "learning_rate must be a finite number"),
    ({"text_width": 0}, "text_width must be a whole number from 1 on"),
    ({"text_width": True}, "text_width must be a whole number from 1 on"),
    ({"seed": -1}, "seed must be at least 0"),
    ({"seed": 1.5}, "seed: expected `int`"),
    ({"hiden": 3}, "unknown setting 'hiden'; did you mean 'hidden'"),
    ({"clip_limit": -1.0}, "clip_limit must be above 0"),
    ({"key_field": ["a"]}, "key_field, time_field and end_field must be features' names"),
    ({"key_field": "a", "end_field": "a"}, "key_field, time_field and end_field must be different"),
    *[({name: None}, f"{name} is told by the estimator") for name in ("inputs", "targets", "task", "classes", "layer")],
]


@pytest.mark.parametrize(("wrong", "line"), SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_settings(kind: str, wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingError, match=line) as raised:
        KINDS[kind](**wrong)
    assert "\n" not in str(raised.value)


def test_a_classifier_has_one_loss() -> None:
    with pytest.raises(SettingError, match="loss is told by the estimator and its data, got 'squared'"):
        GRUClassifier(loss="squared")


@pytest.mark.parametrize("bad", [-1.0, NAN, 0.0, "fast", None])
@pytest.mark.parametrize("kind", KINDS)
def test_learning_rates_that_are_none(kind: str, bad: Any) -> None:
    refuses(told(kind), lambda model: model.mutate({"learning_rate": bad}), SettingError)


def test_settings_of_numpy_are_those_of_python() -> None:
    grid = {"hidden": np.int64(4), "window": np.int32(4), "learning_rate": np.float64(3e-3), "seed": np.int64(1)}
    model = GRURegressor(**grid)
    for t in range(8):
        model.learn_one({"a": math.sin(t), "b": 1.0 * t, "sensor": "pump", "when": 60.0 * t}, math.sin(t))
    assert model.predict_one(X) == told("regressor").predict_one(X)


@pytest.mark.parametrize("bad", [0, -1, 1.5, 2.0, True, None, "3", NAN])
def test_horizons_that_are_none(bad: Any) -> None:
    line = refuses(told("forecaster"), lambda model: model.forecast(bad))
    assert line == f"horizon must be a whole number from 1 on, got {bad!r}"
    with pytest.raises(SettingError, match="horizon"):
        GRUForecaster(horizon=bad)


@pytest.mark.parametrize("bad", [[], [{}], [{}] * 3, 5, iter([{}, {}])])
def test_coming_features_that_are_not_as_many(bad: Any) -> None:
    line = refuses(told("forecaster"), lambda model: model.forecast(2, bad))
    assert line.startswith("xs must be as many as the horizon's 2 events, got ")


@pytest.mark.parametrize("bad", [None, [{}, {}], [None, None], [{"sensor": None}] * 2])
def test_coming_features_that_tell_no_stream(bad: Any) -> None:
    line = refuses(told("forecaster", key_field="sensor"), lambda model: model.forecast(2, bad))
    assert line == "key must tell the stream, got None"


FRAME = pd.DataFrame([X, X])
DUPLICATES = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "a"])
TIMES = pd.to_datetime(["2026-01-01", "2026-01-02"])


@pytest.mark.parametrize("frame", [None, X, [X, X], np.ones((2, 2)), FRAME["a"], "ab", DUPLICATES])
@pytest.mark.parametrize("kind", LABELS)
def test_frames_that_are_none(kind: str, frame: Any) -> None:
    line = refuses(told(kind), lambda model: model.learn_many(frame, [target(kind)] * 2))
    assert line.startswith(("X must be a data frame, got", "X must have columns of different names, got ['a', 'a']"))


@pytest.mark.parametrize(
    "values",
    [[[1], 1.0], [b"1", 1.0], pd.to_timedelta([1, 2]), [1j, 2j], pd.period_range("2026", periods=2)],
)
@pytest.mark.parametrize("kind", LABELS)
def test_columns_that_are_none(kind: str, values: Any) -> None:
    frame = FRAME.assign(new=[1.0, 2.0], bad=values)
    line = refuses(told(kind), lambda model: model.learn_many(frame, [target(kind)] * 2))
    assert line.startswith("X must be numbers, got")


@pytest.mark.parametrize("ys", [None, 1.0, "uv", {0: 1.0, 1: 2.0}, [], ["new"], ["new"] * 3])
@pytest.mark.parametrize("kind", LABELS)
def test_targets_of_frames_that_are_not_as_many(kind: str, ys: Any) -> None:
    line = refuses(told(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), ys))
    assert line.startswith(("y must be a series, an array or a list, got", "y must be as many as X's 2 rows, got"))


@pytest.mark.parametrize("ys", [FRAME, FRAME.to_numpy()])
@pytest.mark.parametrize("kind", LABELS)
def test_targets_of_frames_in_two_dimensions(kind: str, ys: Any) -> None:
    assert refuses(told(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), ys)).startswith("y must be")


@pytest.mark.parametrize("kind", LABELS)
def test_a_bad_target_at_the_end_of_a_frame_leaves_its_beginning_unlearned(kind: str) -> None:
    good = {"classifier": "new", "several": {"new": 1.0}}.get(kind, 1.0)
    frame = FRAME.assign(late=[NAN, 1.0])
    refuses(told(kind), lambda model: model.learn_many(frame, [good, [1]]))


@pytest.mark.parametrize(
    "bad",
    [
        *({"key": keys} for keys in (["p"], ["p", [1]], ["p", NAN], ["p", None], 1.5, {0: "p", 1: "q"})),
        *({"time": times} for times in ([1.0], ["noon", 1.0], 1.0, "noon")),
        *({"end": ends} for ends in ([True], True, ["no", "yes"], [0, 2])),
    ],
)
@pytest.mark.parametrize("kind", LABELS)
def test_keywords_of_frames_that_are_none(kind: str, bad: dict[str, Any]) -> None:
    refuses(told(kind), lambda model: model.learn_many(FRAME.assign(new=1.0), [target(kind)] * 2, **bad))


@pytest.mark.parametrize("kind", LABELS)
def test_frames_whose_fields_are_none(kind: str) -> None:
    ys = [target(kind)] * 2
    for frame in (FRAME, FRAME.assign(sensor=["p", None]), FRAME.assign(sensor=[1.0, NAN])):
        line = refuses(told(kind, key_field="sensor"), lambda model, frame=frame: model.learn_many(frame, ys))
        assert line.startswith(("X must have 'sensor'", "key must tell the stream"))
    line = refuses(told(kind), lambda model: model.learn_many(FRAME.assign(t=TIMES, u=TIMES), ys))
    assert line.startswith("time_field must say which of 't', 'u'")


@pytest.mark.parametrize("bad", [{"X": [X]}, {"key": ["p"]}, {"key": ["p", [1]]}, {"time": "noon"}])
@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_frames_that_cannot_be_forecast(kind: str, bad: dict[str, Any]) -> None:
    refuses(told(kind), lambda model: model.predict_many(**{"X": FRAME} | bad))
