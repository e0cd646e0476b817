"""The engine's own promises: predicting changes nothing, same seed same bits, mistakes are told in one line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import numba
import numpy as np
import pytest
from support import NAN, bits, engine_of, series, settings, weights

from stream_rnn import DataError
from stream_rnn.compiled import step
from stream_rnn.engine.build import build_parts

X = series(30)
TASKS = pytest.mark.parametrize(
    "changes",
    [{}, {"horizon": 3}, {"loss": "quantile"}, {"task": "regression", "targets": ("y",)}],
    ids=["forecast", "horizon 3", "quantile", "regression"],
)


def taught(**changes: Any) -> Any:
    """Return an engine that has learned from a stream."""
    engine = engine_of(**changes)
    engine.process("s", X, series(30, seed=1) if "targets" in changes else None)
    return engine


@TASKS
def test_predicting_changes_nothing(changes: dict[str, Any]) -> None:
    engine = taught(**changes)
    before = bits(engine)
    engine.predict("s")
    engine.predict("s", [0.5])
    engine.predict("stranger", [0.5])
    assert bits(engine) == before


def test_predicting_for_a_stream_that_is_not_known_does_not_make_it_known() -> None:
    engine = taught(max_streams=1)
    engine.predict("stranger", [0.5])
    assert engine.keys == ["s"]


@TASKS
def test_a_prediction_without_input_is_the_last_forecast(changes: dict[str, Any]) -> None:
    engine = taught(**changes)
    forecast = engine.step("s", [0.7], 1.0 if "targets" in changes else None)
    assert engine.predict("s").tobytes() == forecast.tobytes()


@TASKS
@pytest.mark.parametrize("scale", [True, False])
def test_a_prediction_for_a_new_stream_is_its_first_forecast(changes: dict[str, Any], *, scale: bool) -> None:
    engine = taught(**changes, scale_inputs=scale)
    predicted = engine.predict("new", [0.7])
    assert predicted.tobytes() == engine.step("new", [0.7]).tobytes()


def test_a_prediction_for_a_label_is_what_the_step_forecasts() -> None:
    engine = taught(task="regression", targets=("y",))
    predicted = engine.predict("s", [0.7])
    assert predicted.tobytes() == engine.step("s", [0.7], 1.0).tobytes()


def test_a_prediction_is_what_a_step_forecasts_that_has_nothing_to_learn() -> None:
    engine = taught(targets=("y",), residual=False)
    predicted = engine.predict("s", [0.7])
    assert predicted.tobytes() == engine.step("s", [0.7], NAN).tobytes()


def test_inputs_by_name_are_inputs_in_order() -> None:
    one, other = engine_of(inputs=("a", "b")), engine_of(inputs=("a", "b"))
    one.step("s", {"b": 2.0, "a": 1.0})
    other.step("s", [1.0, 2.0])
    assert bits(one) == bits(other)


def test_a_datetime_is_its_seconds() -> None:
    one, other, third = (engine_of(reset_after=60.0) for _ in range(3))
    moment = datetime(2025, 3, 1, 12, tzinfo=UTC)
    one.step("s", [1.0], time=moment)
    other.step("s", [1.0], time=moment.timestamp())
    third.process("s", [[1.0]], times=np.array(["2025-03-01T12:00:00"], "datetime64[s]"))
    assert bits(one) == bits(other) == bits(third)


def test_a_datetime_without_a_zone_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = engine_of(), engine_of()
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        one.step("s", [1.0], time=datetime(2025, 1, 1))  # noqa: DTZ001 - what is tested
    time.tzset()
    other.process("s", [[1.0]], times=np.array(["2025-01-01"], "datetime64[s]"))
    assert bits(one) == bits(other)


def test_targets_that_are_inputs_need_not_be_given() -> None:
    one, other = engine_of(inputs=("a", "b"), targets=("b",)), engine_of(inputs=("a", "b"), targets=("b",))
    x = np.column_stack([X, X**2])
    assert one.process("s", x).tobytes() == other.process("s", x, x[:, 1:]).tobytes()


def test_the_same_seed_gives_the_same_bits() -> None:
    assert bits(taught()) == bits(taught())


def test_another_seed_gives_other_weights() -> None:
    assert (weights(engine_of(seed=1)) != weights(engine_of(seed=2))).any()


def test_engines_do_not_share_anything() -> None:
    engine = taught()
    before = bits(engine)
    taught(seed=2)
    assert bits(engine) == before


def test_events_of_a_stream_are_counted() -> None:
    engine = engine_of()
    engine.process(["a", "b", "a"], series(3))
    assert [engine.events(key) for key in ("a", "b", "c")] == [2, 1, 0]


def test_parameters_are_named_and_read_only() -> None:
    found = engine_of().parameters
    assert list(found) == ["W", "U", "b", "V", "c"]
    with pytest.raises(ValueError, match="read-only"):
        found["W"][0, 0] = 1


@pytest.mark.parametrize("whose", ["weights", "head"])
def test_there_is_no_one_network_where_each_stream_has_its_own(whose: str) -> None:
    with pytest.raises(DataError, match=f"{whose} per_stream: there is no one network"):
        _ = engine_of(**{whose: "per_stream"}).parameters


MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "unknown name": ({}, lambda e: e.step("s", {"tempp": 1}), "unknown column 'tempp'.*did you mean 'temp'"),
    "text": ({}, lambda e: e.step("s", {"temp": "warm"}), "must be numbers, got str 'warm' for 'temp'"),
    "a bare number": ({}, lambda e: e.step("s", 1.0), "x must be .*, got float 1.0"),
    "text as time": (
        {},
        lambda e: e.step("s", [1.0], time="noon"),
        "time must be seconds or a datetime, got str 'noon'",
    ),
    "too many": ({}, lambda e: e.step("s", [1, 2]), r"must have 1 values \(temp\), got 2"),
    "shape": ({}, lambda e: e.process("s", np.zeros((3, 2))), r"must be of shape \(N, 1\), got \(3, 2\)"),
    "text in X": ({}, lambda e: e.process("s", [["warm"]]), "X must be numbers"),
    "keys": ({}, lambda e: e.process(["a"], np.zeros((3, 1))), "keys must be as many as X's 3 rows, got 1"),
    "times": ({}, lambda e: e.process("s", np.zeros((3, 1)), times=[1.0]), "times must be as many"),
    "ends": ({}, lambda e: e.process("s", np.zeros((3, 1)), ends=[True]), "ends must be as many"),
    "text times": ({}, lambda e: e.process("s", [[1.0]], times=["noon"]), "times must be seconds"),
    "list as key": ({}, lambda e: e.step(["s"], [1.0]), "key must be hashable, got list"),
    "list among keys": ({}, lambda e: e.process(["s", ["t"]], [[1.0], [2.0]]), "key must be hashable, got list"),
    "no Y": ({"targets": ("y",)}, lambda e: e.process("s", [[1.0]]), "Y is needed"),
    "class": (
        {"targets": ("y",), "task": "classification", "classes": 3},
        lambda e: e.process("s", [[1.0], [1.0]], [0, 3]),
        "y must be a class from 0 to 2, got 3 in event 1",
    ),
    "half a class": (
        {"targets": ("y",), "task": "classification"},
        lambda e: e.step("s", [1.0], 0.5),
        "y must be a class from 0 to 1, got 0.5",
    ),
    "nothing to predict": ({}, lambda e: e.predict("new"), "no forecast for stream 'new'"),
    "a key with a list in it": ({}, lambda e: e.process([("a", [1])], [[1.0]]), "a key must be hashable"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, make, words = MISTAKES[mistake]
    engine = engine_of(inputs=("temp",), **changes)
    before = bits(engine)
    with pytest.raises(DataError, match=words) as caught:
        make(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before


NUMBERS = {"outlier": 5, "reset_after": 60, "scaling_forgetting": 1, "learning_rate": 1, "clip_limit": 2, "l2": 0}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_whole_number_where_a_number_is_asked_for_compiles_nothing_new(name: str) -> None:
    whole, number = (build_parts(settings(**{name: kind(NUMBERS[name])})) for kind in (int, float))
    assert numba.typeof(whole.model) == numba.typeof(number.model)


@pytest.mark.parametrize(
    "values",
    [X.astype(np.float32), X.tolist(), np.asfortranarray(np.hstack([X, X]))[:, :1], X[::-1], np.arange(30)],
    ids=["float32", "list", "column of a table", "reversed", "integers"],
)
def test_any_array_of_numbers_is_taken_without_compiling_anew(values: Any) -> None:
    engine = taught()
    before = len(step.process.signatures)
    engine.process("s", values)
    assert len(step.process.signatures) == before


def test_an_array_that_is_read_only_is_taken_without_compiling_anew() -> None:
    engine = taught()
    before = len(step.process.signatures)
    x = X.copy()
    x.flags.writeable = False
    engine.process("s", x)
    assert len(step.process.signatures) == before


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64, int])
def test_a_target_may_be_any_number(kind: Any) -> None:
    one, other = engine_of(targets=("y",)), engine_of(targets=("y",))
    one.step("s", [1.0], kind(2))
    other.step("s", [1.0], 2.0)
    assert bits(one) == bits(other)
