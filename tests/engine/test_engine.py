"""What every engine guarantees: predictions change nothing, a seed fixes all bits, mistakes are refused in one line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import numba
import numpy as np
import pytest
from support import NAN, bits, engine_of, series, settings, weights

from stream_rnn import DataError, Engine
from stream_rnn.compiled import step
from stream_rnn.engine.build import build_parts

X = series(30)
TASKS = pytest.mark.parametrize(
    "changes",
    [{}, {"horizon": 3}, {"loss": "quantile"}, {"task": "regression", "targets": ("y",)}],
    ids=["forecast", "horizon 3", "quantile", "regression"],
)


def trained(**changes: Any) -> Engine:
    """Return an engine that has learned from a stream."""
    engine = engine_of(**changes)
    engine.process("s", X, series(30, seed=1) if "targets" in changes else None)
    return engine


@TASKS
def test_a_prediction_changes_nothing(changes: dict[str, Any]) -> None:
    engine = trained(**changes)
    before = bits(engine)
    engine.predict("s")
    engine.predict("s", [0.5])
    engine.predict("unknown", [0.5])
    assert bits(engine) == before


def test_a_prediction_for_an_unknown_stream_leaves_it_unknown() -> None:
    engine = trained(max_streams=1)
    engine.predict("unknown", [0.5])
    assert engine.keys == ["s"]


@TASKS
def test_a_prediction_without_input_is_the_last_forecast(changes: dict[str, Any]) -> None:
    engine = trained(**changes)
    forecast = engine.step("s", [0.7], 1.0 if "targets" in changes else None)
    assert engine.predict("s").tobytes() == forecast.tobytes()


@TASKS
@pytest.mark.parametrize("scale", [True, False])
def test_a_prediction_for_a_new_stream_is_its_first_forecast(changes: dict[str, Any], *, scale: bool) -> None:
    engine = trained(**changes, scale_inputs=scale)
    predicted = engine.predict("new", [0.7])
    assert predicted.tobytes() == engine.step("new", [0.7]).tobytes()


def test_a_predicted_label_is_that_of_the_step() -> None:
    engine = trained(task="regression", targets=("y",))
    predicted = engine.predict("s", [0.7])
    assert predicted.tobytes() == engine.step("s", [0.7], 1.0).tobytes()


def test_a_prediction_is_the_forecast_of_a_step_that_learns_nothing() -> None:
    engine = trained(targets=("y",), residual=False)
    predicted = engine.predict("s", [0.7])
    assert predicted.tobytes() == engine.step("s", [0.7], NAN).tobytes()


def test_inputs_by_name_are_put_in_order() -> None:
    one, other = engine_of(inputs=("a", "b")), engine_of(inputs=("a", "b"))
    one.step("s", {"b": 2.0, "a": 1.0})
    other.step("s", [1.0, 2.0])
    assert bits(one) == bits(other)


def test_a_datetime_is_converted_to_seconds() -> None:
    one, other, third = (engine_of(reset_after=60.0) for _ in range(3))
    moment = datetime(2025, 3, 1, 12, tzinfo=UTC)
    one.step("s", [1.0], time=moment)
    other.step("s", [1.0], time=moment.timestamp())
    third.process("s", [[1.0]], times=np.array(["2025-03-01T12:00:00"], "datetime64[s]"))
    assert bits(one) == bits(other) == bits(third)


def test_a_datetime_without_a_time_zone_is_utc_on_any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = engine_of(), engine_of()
    with monkeypatch.context() as abroad:
        abroad.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        one.step("s", [1.0], time=datetime(2025, 1, 1))  # noqa: DTZ001 - what is tested
    time.tzset()
    other.process("s", [[1.0]], times=np.array(["2025-01-01"], "datetime64[s]"))
    assert bits(one) == bits(other)


def test_targets_that_are_inputs_may_be_omitted() -> None:
    one, other = engine_of(inputs=("a", "b"), targets=("b",)), engine_of(inputs=("a", "b"), targets=("b",))
    x = np.column_stack([X, X**2])
    assert one.process("s", x).tobytes() == other.process("s", x, x[:, 1:]).tobytes()


def test_the_same_seed_gives_the_same_bits() -> None:
    assert bits(trained()) == bits(trained())


def test_different_seeds_give_different_weights() -> None:
    assert (weights(engine_of(seed=1)) != weights(engine_of(seed=2))).any()


def test_engines_share_nothing() -> None:
    engine = trained()
    before = bits(engine)
    trained(seed=2)
    assert bits(engine) == before


def test_events_of_a_stream_are_counted() -> None:
    engine = engine_of()
    engine.process(["a", "b", "a"], series(3))
    assert [engine.events(key) for key in ("a", "b", "c")] == [2, 1, 0]


def test_parameters_are_named_and_read_only() -> None:
    parameters = engine_of().parameters
    assert list(parameters) == ["W", "U", "b", "V", "c"]
    with pytest.raises(ValueError, match="read-only"):
        parameters["W"][0, 0] = 1


@pytest.mark.parametrize("part", ["weights", "head"])
def test_there_is_no_single_network_if_each_stream_has_its_own(part: str) -> None:
    message = rf"{part} is per_stream, so there is no single network: use parameters_of\(key\)"
    with pytest.raises(DataError, match=message):
        _ = engine_of(**{part: "per_stream"}).parameters


NO_KEY = "a key must be a string or an integer, got "
MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "unknown name": ({}, lambda e: e.step("s", {"tempp": 1}), "unknown column 'tempp'.*did you mean 'temp'"),
    "text": ({}, lambda e: e.step("s", {"temp": "warm"}), "x must consist of numbers, got str 'warm' for 'temp'"),
    "number for x": ({}, lambda e: e.step("s", 1.0), "x must be a mapping or a sequence, got float 1.0"),
    "text as time": (
        {},
        lambda e: e.step("s", [1.0], time="noon"),
        "time must be seconds or a datetime, got str 'noon'",
    ),
    "too many": ({}, lambda e: e.step("s", [1, 2]), r"x must have 1 value \(temp\), got 2"),
    "shape": ({}, lambda e: e.process("s", np.zeros((3, 2))), r"must be of shape \(N, 1\), got \(3, 2\)"),
    "text in X": ({}, lambda e: e.process("s", [["warm"]]), "X must consist of numbers"),
    "keys": ({}, lambda e: e.process(["a"], np.zeros((3, 1))), r"keys must be as long as X \(3 rows\), got 1"),
    "times": (
        {},
        lambda e: e.process("s", np.zeros((3, 1)), times=[1.0]),
        r"times must be as long as X \(3 rows\), got 1",
    ),
    "ends": (
        {},
        lambda e: e.process("s", np.zeros((3, 1)), ends=[True]),
        r"ends must be as long as X \(3 rows\), got 1",
    ),
    "text times": ({}, lambda e: e.process("s", [[1.0]], times=["noon"]), "times must be seconds"),
    "list as key": ({}, lambda e: e.step(["s"], [1.0]), NO_KEY + "list"),
    "list among keys": (
        {},
        lambda e: e.process(["s", ["t"]], [[1.0], [2.0]]),
        NO_KEY + "list",
    ),
    "no Y": (
        {"targets": ("y",)},
        lambda e: e.process("s", [[1.0]]),
        r"Y is required: not every target \(y\) is an input",
    ),
    "class": (
        {"targets": ("y",), "task": "classification", "classes": 3},
        lambda e: e.process("s", [[1.0], [1.0]], [0, 3]),
        "y must be a class from 0 to 2, got 3 in event 1",
    ),
    "fraction of a class": (
        {"targets": ("y",), "task": "classification"},
        lambda e: e.step("s", [1.0], 0.5),
        "y must be a class from 0 to 1, got 0.5",
    ),
    "no forecast": ({}, lambda e: e.predict("new"), "no forecast for stream 'new'"),
    "list in a key": (
        {},
        lambda e: e.process([("a", [1])], [[1.0]]),
        NO_KEY + "tuple",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, call, message = MISTAKES[mistake]
    engine = engine_of(inputs=("temp",), **changes)
    before = bits(engine)
    with pytest.raises(DataError, match=message) as caught:
        call(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before


NUMBERS = {"outlier": 5, "reset_after": 60, "scaling_forgetting": 1, "learning_rate": 1, "clip_limit": 2, "l2": 0}


@pytest.mark.parametrize("name", NUMBERS)
def test_an_integer_for_a_float_setting_compiles_nothing_new(name: str) -> None:
    integer, number = (build_parts(settings(**{name: kind(NUMBERS[name])})) for kind in (int, float))
    assert numba.typeof(integer.model) == numba.typeof(number.model)


@pytest.mark.parametrize(
    "values",
    [X.astype(np.float32), X.tolist(), np.asfortranarray(np.hstack([X, X]))[:, :1], X[::-1], np.arange(30)],
    ids=["float32", "list", "column of a table", "reversed", "integers"],
)
def test_an_array_of_any_numbers_compiles_nothing_new(values: Any) -> None:
    engine = trained()
    before = len(step.process.signatures)
    engine.process("s", values)
    assert len(step.process.signatures) == before


def test_a_read_only_array_compiles_nothing_new() -> None:
    engine = trained()
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
