"""Many events that might come: each is forecast as by itself, and nothing is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import NAN, TOKENS, bits, engine_of, series, tokens_engine

from stream_rnn import DataError
from stream_rnn.compiled import rollout

X = np.column_stack([series(40), series(40, seed=1)])
BEGIN = 1_700_000_000.0
TIMES = BEGIN + np.cumsum(np.random.default_rng(5).exponential(100.0, 40))
LABELS: dict[str, Any] = {"task": "classification", "targets": ("y",)}

SETTINGS: dict[str, dict[str, Any]] = {
    "forecast": {"horizon": 3},
    "forecast by softmax": {"targets": ("y",), "loss": "softmax", "classes": 3},
    "quantile": {"loss": "quantile"},
    "gaussian_nll": {"loss": "gaussian_nll", "targets": ("b",)},
    "regression": {"task": "regression", "targets": ("y",)},
    "softmax": LABELS | {"classes": 3, "loss": "softmax"},
    "logistic": LABELS,
    "own weights": {"weights": "per_stream"},
    "own heads": {"head": "per_stream", "readout": "rls"},
    "reversion": {"reversion": True, "horizon": 2},
    "calendar": {"calendar": ("day",), "scale_inputs": True},
    "half-life": {"half_life": 200.0},
    "reset": {"reset_after": 300.0},
    "derived": {"differences": True, "lags": (1, 4), "elapsed": True, "missing_flags": True, "scale_inputs": True},
}

KEYS = ["s", "stranger", "t", "s", 3, "reset", "other stranger", "s", "stranger"]
"""Streams that are known, and some that are not, in turn."""
COMING = np.random.default_rng(7).normal(size=(len(KEYS), 2))
COMING[2, 0] = COMING[3, 1] = NAN
COMING[4] = NAN
WHEN = TIMES[-1] + np.array([10.0, 20.0, NAN, 5000.0, 30.0, 40.0, NAN, -50.0, 60.0])
"""Known or not, late enough for a reset, and before the last."""


def taught(**changes: Any) -> Any:
    """Return an engine that has learned from streams at different times, one of which was reset."""
    engine = engine_of(inputs=("a", "b"), **changes)
    keys = [("s", "t", 3, "s", "reset")[i % 5] for i in range(len(X))]
    targets = changes.get("targets", ())
    engine.process(keys, X, np.arange(len(X)) % 2 if targets == ("y",) else X[:, 1] if targets else None, TIMES)
    engine.reset("reset")
    return engine


@pytest.mark.parametrize("name", SETTINGS)
def test_each_is_forecast_as_by_itself(name: str) -> None:
    engine = taught(**SETTINGS[name])
    alone = [engine.predict(*event) for event in zip(KEYS, COMING, WHEN, strict=True)]
    assert np.isfinite(alone).all()
    assert len({forecast.tobytes() for forecast in alone}) > 5
    assert engine.predict_many(KEYS, COMING, WHEN).tobytes() == np.array(alone).tobytes()


@pytest.mark.parametrize("name", SETTINGS)
def test_nothing_is_changed(name: str) -> None:
    engine = taught(**SETTINGS[name])
    before = bits(engine)
    engine.predict_many(KEYS, COMING, WHEN)
    assert bits(engine) == before


def test_streams_that_are_not_known_stay_so_and_evict_none() -> None:
    engine = taught(max_streams=3)
    kept, evictions = engine.keys, engine.evictions
    engine.predict_many(KEYS, COMING)
    assert engine.keys == kept
    assert engine.evictions == evictions


def test_without_times_each_comes_as_long_after_the_last_as_that_after_the_one_before() -> None:
    engine = taught(calendar=("day",), half_life=200.0)
    alone = [engine.predict(*event) for event in zip(KEYS, COMING, strict=True)]
    assert engine.predict_many(KEYS, COMING).tobytes() == np.array(alone).tobytes()


@pytest.mark.parametrize("key", ["s", 3, "stranger"])
def test_one_key_stands_for_all(key: str | int) -> None:
    engine = taught()
    assert engine.predict_many(key, COMING).tobytes() == engine.predict_many([key] * len(COMING), COMING).tobytes()


def test_keys_may_be_an_array() -> None:
    engine = taught()
    made = engine.predict_many(np.full(len(COMING), 3), COMING)
    assert made.tobytes() == engine.predict_many(3, COMING).tobytes()


def test_times_may_be_dates() -> None:
    engine = taught(calendar=("day",))
    seconds = np.floor(WHEN)
    dates = np.where(np.isnan(seconds), np.datetime64("NaT"), np.nan_to_num(seconds).astype("datetime64[s]"))
    made = engine.predict_many(KEYS, COMING, dates)
    assert made.tobytes() == engine.predict_many(KEYS, COMING, seconds).tobytes()
    assert made.tobytes() != engine.predict_many(KEYS, COMING).tobytes()


def test_one_input_may_be_a_column() -> None:
    engine = engine_of()
    engine.process("s", series(30))
    assert engine.predict_many("s", [0.1, 0.2]).tobytes() == engine.predict_many("s", [[0.1], [0.2]]).tobytes()


@pytest.mark.parametrize("name", ["forecast", "quantile", "regression", "softmax"])
@pytest.mark.parametrize("keys", ["s", []])
def test_of_no_events_there_are_no_forecasts(name: str, keys: Any) -> None:
    engine = taught(**SETTINGS[name])
    assert engine.predict_many(keys, np.empty((0, 2))).shape == (0, *engine.settings.forecast_shape)


def test_what_is_handed_out_is_the_callers() -> None:
    engine = taught()
    made = engine.predict_many(KEYS, COMING)
    kept = made.copy()
    engine.predict_many(KEYS, 2 * COMING)
    assert made.tobytes() == kept.tobytes()
    made[:] = 0
    assert engine.predict_many(KEYS, COMING).tobytes() == kept.tobytes()


def test_tokens_are_forecast_each_as_by_itself() -> None:
    engine = tokens_engine()
    engine.process("s", engine.vocabulary.encode("abcabcabac"))
    tokens, keys = [0.0, 2.0, NAN, 1.0], ["s", "s", "s", "stranger"]
    alone = [engine.predict(key, [token]) for key, token in zip(keys, tokens, strict=True)]
    assert engine.predict_many(keys, tokens).tobytes() == np.array(alone).tobytes()


READ_ONLY = COMING.copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "values",
    [COMING.tolist(), COMING.astype(np.float32), np.asfortranarray(COMING), COMING[:, ::-1], READ_ONLY],
    ids=["list", "float32", "columns", "reversed", "read-only"],
)
@pytest.mark.parametrize("keys", ["s", KEYS], ids=["one", "several"])
def test_any_array_of_numbers_is_taken_without_compiling_anew(values: Any, keys: Any) -> None:
    engine = taught()
    engine.predict("s", COMING[0])
    before = len(rollout.roll_out.signatures)
    made = engine.predict_many(keys, values, READ_ONLY[:, 0])
    assert len(rollout.roll_out.signatures) == before
    assert made.tobytes() == engine.predict_many(keys, np.array(values, float), COMING[:, 0]).tobytes()


WAITING: dict[str, Any] = {"layer": "bigru", "lookahead": 3, "task": "regression", "targets": ("y",)}
MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "columns": ({}, lambda e: e.predict_many("s", np.zeros((3, 2))), r"X must be of shape \(N, 1\), got \(3, 2\)"),
    "one event": ({"inputs": ("a", "b")}, lambda e: e.predict_many("s", [1.0, 2.0]), r"shape \(N, 2\), got \(2,\)"),
    "text": ({}, lambda e: e.predict_many("s", [["warm"]]), "X must be numbers"),
    "digits": ({}, lambda e: e.predict_many("s", [["1"]]), "X must be numbers, got text"),
    "keys": ({}, lambda e: e.predict_many(["a"], np.zeros((3, 1))), "keys must be as many as X's 3 rows, got 1"),
    "no keys": ({}, lambda e: e.predict_many(None, [[1.0]]), "keys must be a string, an integer or a sequence"),
    "times": ({}, lambda e: e.predict_many("s", np.zeros((3, 1)), [1.0]), "times must be as many as X's 3 rows, got 1"),
    "one time": ({}, lambda e: e.predict_many("s", np.zeros((3, 1)), 1.0), r"times must be of shape \(3,\), got \(\)"),
    "text times": ({}, lambda e: e.predict_many("s", [[1.0]], ["noon"]), "times must be seconds or datetime64"),
    "list among keys": ({}, lambda e: e.predict_many(["s", ["t"]], [[1.0], [2.0]]), "key must be hashable, got list"),
    "id": (TOKENS, lambda e: e.predict_many("s", [[1.0], [5.0]]), "token must be an id from 0 to 4, got 5 in event 1"),
    "lookahead": (WAITING, lambda e: e.predict_many("s", np.zeros((99, 1))), "with lookahead: 3 events have to come"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, make, words = MISTAKES[mistake]
    engine = engine_of(**changes)
    before = bits(engine)
    with pytest.raises(DataError, match=words) as caught:
        make(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before
