"""predict_many: each hypothetical event is forecast as by itself, and nothing changes."""

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
    "hierarchical_softmax": LABELS | {"classes": 3, "loss": "hierarchical_softmax"},
    "top": {"targets": ("y",), "loss": "hierarchical_softmax", "classes": 3, "top": 2},
    "logistic": LABELS,
    "own weights": {"weights": "per_stream"},
    "own heads": {"head": "per_stream", "readout": "rls"},
    "reversion": {"reversion": True, "horizon": 2},
    "calendar": {"calendar": ("day",), "scale_inputs": True},
    "half-life": {"half_life": 200.0},
    "reset": {"reset_after": 300.0},
    "derived": {"differences": True, "lags": (1, 4), "elapsed": True, "missing_flags": True, "scale_inputs": True},
}

KEYS = ["s", "unknown", "t", "s", 3, "reset", "other unknown", "s", "unknown"]
"""Known and unknown streams, interleaved."""
EVENTS = np.random.default_rng(7).normal(size=(len(KEYS), 2))
EVENTS[2, 0] = EVENTS[3, 1] = NAN
EVENTS[4] = NAN
EVENT_TIMES = TIMES[-1] + np.array([10.0, 20.0, NAN, 5000.0, 30.0, 40.0, NAN, -50.0, 60.0])
"""Known and unknown times: some later than `reset_after`, one before the last event."""


def trained(**changes: Any) -> Any:
    """Return an engine that has learned from interleaved streams, one of which was reset."""
    engine = engine_of(inputs=("a", "b"), **changes)
    keys = [("s", "t", 3, "s", "reset")[i % 5] for i in range(len(X))]
    targets = changes.get("targets", ())
    engine.process(keys, X, np.arange(len(X)) % 2 if targets == ("y",) else X[:, 1] if targets else None, TIMES)
    engine.reset("reset")
    return engine


@pytest.mark.parametrize("name", SETTINGS)
def test_each_event_is_forecast_as_by_predict(name: str) -> None:
    engine = trained(**SETTINGS[name])
    alone = [engine.predict(*event) for event in zip(KEYS, EVENTS, EVENT_TIMES, strict=True)]
    assert np.isfinite(alone).all()
    assert len({forecast.tobytes() for forecast in alone}) > 5
    assert engine.predict_many(KEYS, EVENTS, EVENT_TIMES).tobytes() == np.array(alone).tobytes()


@pytest.mark.parametrize("name", SETTINGS)
def test_predictions_change_nothing(name: str) -> None:
    engine = trained(**SETTINGS[name])
    before = bits(engine)
    engine.predict_many(KEYS, EVENTS, EVENT_TIMES)
    assert bits(engine) == before


def test_unknown_streams_stay_unknown_and_evict_none() -> None:
    engine = trained(max_streams=3)
    kept, evictions = engine.keys, engine.evictions
    engine.predict_many(KEYS, EVENTS)
    assert engine.keys == kept
    assert engine.evictions == evictions


def test_events_without_times_have_the_distance_of_the_last_two_events() -> None:
    engine = trained(calendar=("day",), half_life=200.0)
    alone = [engine.predict(*event) for event in zip(KEYS, EVENTS, strict=True)]
    assert engine.predict_many(KEYS, EVENTS).tobytes() == np.array(alone).tobytes()


@pytest.mark.parametrize("key", ["s", 3, "unknown"])
def test_a_single_key_is_for_all_events(key: str | int) -> None:
    engine = trained()
    assert engine.predict_many(key, EVENTS).tobytes() == engine.predict_many([key] * len(EVENTS), EVENTS).tobytes()


def test_keys_may_be_an_array() -> None:
    engine = trained()
    forecasts = engine.predict_many(np.full(len(EVENTS), 3), EVENTS)
    assert forecasts.tobytes() == engine.predict_many(3, EVENTS).tobytes()


def test_times_may_be_dates() -> None:
    engine = trained(calendar=("day",))
    seconds = np.floor(EVENT_TIMES)
    dates = np.where(np.isnan(seconds), np.datetime64("NaT"), np.nan_to_num(seconds).astype("datetime64[s]"))
    forecasts = engine.predict_many(KEYS, EVENTS, dates)
    assert forecasts.tobytes() == engine.predict_many(KEYS, EVENTS, seconds).tobytes()
    assert forecasts.tobytes() != engine.predict_many(KEYS, EVENTS).tobytes()


def test_a_single_input_may_be_one_dimensional() -> None:
    engine = engine_of()
    engine.process("s", series(30))
    assert engine.predict_many("s", [0.1, 0.2]).tobytes() == engine.predict_many("s", [[0.1], [0.2]]).tobytes()


@pytest.mark.parametrize("name", ["forecast", "quantile", "regression", "softmax"])
@pytest.mark.parametrize("keys", ["s", []])
def test_without_events_there_are_no_forecasts(name: str, keys: Any) -> None:
    engine = trained(**SETTINGS[name])
    assert engine.predict_many(keys, np.empty((0, 2))).shape == (0, *engine.settings.forecast_shape)


def test_the_returned_array_is_not_used_again() -> None:
    engine = trained()
    forecasts = engine.predict_many(KEYS, EVENTS)
    copy = forecasts.copy()
    engine.predict_many(KEYS, 2 * EVENTS)
    assert forecasts.tobytes() == copy.tobytes()
    forecasts[:] = 0
    assert engine.predict_many(KEYS, EVENTS).tobytes() == copy.tobytes()


def test_each_token_is_forecast_as_by_predict() -> None:
    engine = tokens_engine()
    engine.process("s", engine.vocabulary.encode("abcabcabac"))
    tokens, keys = [0.0, 2.0, NAN, 1.0], ["s", "s", "s", "unknown"]
    alone = [engine.predict(key, [token]) for key, token in zip(keys, tokens, strict=True)]
    assert engine.predict_many(keys, tokens).tobytes() == np.array(alone).tobytes()


READ_ONLY = EVENTS.copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "values",
    [EVENTS.tolist(), EVENTS.astype(np.float32), np.asfortranarray(EVENTS), EVENTS[:, ::-1], READ_ONLY],
    ids=["list", "float32", "columns", "reversed", "read-only"],
)
@pytest.mark.parametrize("keys", ["s", KEYS], ids=["one", "several"])
def test_an_array_of_any_numbers_compiles_nothing_new(values: Any, keys: Any) -> None:
    engine = trained()
    engine.predict("s", EVENTS[0])
    before = len(rollout.roll_out.signatures)
    forecasts = engine.predict_many(keys, values, READ_ONLY[:, 0])
    assert len(rollout.roll_out.signatures) == before
    assert forecasts.tobytes() == engine.predict_many(keys, np.array(values, float), EVENTS[:, 0]).tobytes()


LOOKAHEAD: dict[str, Any] = {"layer": "bigru", "lookahead": 3, "task": "regression", "targets": ("y",)}
MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "columns": ({}, lambda e: e.predict_many("s", np.zeros((3, 2))), r"X must be of shape \(N, 1\), got \(3, 2\)"),
    "one event": ({"inputs": ("a", "b")}, lambda e: e.predict_many("s", [1.0, 2.0]), r"shape \(N, 2\), got \(2,\)"),
    "text": ({}, lambda e: e.predict_many("s", [["warm"]]), "X must consist of numbers"),
    "digits": ({}, lambda e: e.predict_many("s", [["1"]]), "X must consist of numbers, got text"),
    "keys": ({}, lambda e: e.predict_many(["a"], np.zeros((3, 1))), r"keys must be as long as X \(3 rows\), got 1"),
    "no keys": ({}, lambda e: e.predict_many(None, [[1.0]]), "keys must be a string, an integer or a sequence"),
    "times": (
        {},
        lambda e: e.predict_many("s", np.zeros((3, 1)), [1.0]),
        r"times must be as long as X \(3 rows\), got 1",
    ),
    "one time": ({}, lambda e: e.predict_many("s", np.zeros((3, 1)), 1.0), r"times must be of shape \(3,\), got \(\)"),
    "text times": ({}, lambda e: e.predict_many("s", [[1.0]], ["noon"]), "times must be seconds or datetime64"),
    "list among keys": (
        {},
        lambda e: e.predict_many(["s", ["t"]], [[1.0], [2.0]]),
        "a key must be a string or an integer, got list",
    ),
    "id": (TOKENS, lambda e: e.predict_many("s", [[1.0], [5.0]]), "token must be an id from 0 to 4, got 5 in event 1"),
    "lookahead": (
        LOOKAHEAD,
        lambda e: e.predict_many("s", np.zeros((99, 1))),
        "X must be omitted with a lookahead: 3 more events would have to follow it",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, call, message = MISTAKES[mistake]
    engine = engine_of(**changes)
    before = bits(engine)
    with pytest.raises(DataError, match=message) as caught:
        call(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before
