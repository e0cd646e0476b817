"""Results do not depend on how events are cut into batches, on other streams, or on later events."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from support import NAN, bits, engine_of, series, stream_row

VALUES = st.sampled_from([0.0, 1.0, -2.0, 0.3, 5.0, NAN, math.inf, 1e30])
EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), VALUES, VALUES, st.sampled_from([0.0, 1.0, 9.0, NAN]), st.booleans()),
    min_size=1,
    max_size=40,
)
"""Key, x, y, seconds since the previous event (NaN: the event has no time), end of the sequence."""

KINDS: dict[str, dict[str, Any]] = {
    "shared": {},
    "per stream": {"weights": "per_stream"},
    "own heads": {"head": "per_stream"},
    "own heads by least squares, limited": {"head": "per_stream", "readout": "rls", "max_streams": 2},
    "limited": {"max_streams": 2},
    "limited, per stream": {"max_streams": 2, "weights": "per_stream"},
    "scaled": {"scale_inputs": True, "scaling_forgetting": 0.9},
    "quantiles": {"loss": "quantile"},
    "labels": {"task": "regression", "horizon": 1},
    "derived inputs": {"differences": True, "lags": (1, 4), "calendar": "day", "elapsed": True, "half_life": 3.0},
    "intervals and scores": {"interval": 0.8, "anomaly": True},
    "groups of updates": {"batch_streams": 3, "max_streams": 2},
    "sensitivities": {"layer": "lru"},
    "sensitivities of a stack": {"layer": ("elstm", "columnar_gru")},
}


def engine_for(kind: str) -> Any:
    base = {"targets": ("y",), "horizon": 3, "window": 4, "update_every": 2, "reset_after": 5.0, "learning_rate": 0.05}
    return engine_of(**(base | KINDS[kind]))


def columns(events: list[Any]) -> tuple[Any, ...]:
    keys, x, y, gaps, ends = zip(*events, strict=True)
    seconds = np.cumsum(np.nan_to_num(gaps))
    times = np.where(np.isnan(gaps), NAN, seconds)
    return list(keys), np.array(x)[:, None], np.array(y)[:, None], times, np.array(ends)


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=25)
@given(events=EVENTS, cuts=st.sets(st.integers(1, 39)))
def test_any_cut_into_batches_gives_the_same_bits(kind: str, events: list[Any], cuts: set[int]) -> None:
    table = columns(events)
    whole, pieces = engine_for(kind), engine_for(kind)
    expected = whole.process(*table)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    forecasts = [pieces.process(*(c[a:b] for c in table)) for a, b in pairwise(edges)]
    assert np.concatenate(forecasts).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(whole)


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=25)
@given(events=EVENTS)
def test_steps_give_the_bits_of_a_batch(kind: str, events: list[Any]) -> None:
    table = columns(events)
    whole, steps = engine_for(kind), engine_for(kind)
    expected = whole.process(*table)
    forecasts = [
        steps.step(key, x, y, None if math.isnan(time) else time, end=bool(end))
        for key, x, y, time, end in zip(*table, strict=True)
    ]
    assert np.array(forecasts).tobytes() == expected.tobytes()
    assert bits(steps) == bits(whole)


def test_a_batch_that_is_processed_in_parts_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    x = series(100)
    expected = engine_of().process("s", x)
    monkeypatch.setattr("stream_rnn.engine.batch_size.SECONDS", 0.0)  # one event at a time
    assert engine_of().process("s", x).tobytes() == expected.tobytes()


def test_an_empty_batch_changes_nothing() -> None:
    engine = engine_of()
    engine.process("s", series(10))
    before = bits(engine)
    assert engine.process([], np.empty((0, 1))).shape == (0, 1, 1)
    assert bits(engine) == before


def test_streams_with_their_own_weights_do_not_affect_each_other() -> None:
    together = engine_of(weights="per_stream")
    x = {key: series(60, seed) for seed, key in enumerate("abc")}
    keys = [key for _ in range(60) for key in "abc"]
    mixed = together.process(keys, np.hstack([x[key] for key in "abc"]).reshape(-1, 1))
    for place, key in enumerate("abc"):
        alone = engine_of(weights="per_stream").process(key, x[key])
        assert mixed[place::3].tobytes() == alone.tobytes()


def test_streams_share_weights_but_not_their_state() -> None:
    together, x = engine_of(targets=("y",)), {key: series(60, seed) for seed, key in enumerate("ab")}
    nothing = np.full((60, 1), NAN)  # without targets nothing is learned
    together.process(["a", "b"] * 60, np.hstack([x["a"], x["b"]]).reshape(-1, 1), np.full((120, 1), NAN))
    for key in "ab":
        alone = engine_of(targets=("y",))
        alone.process(key, x[key], nothing)
        for name in ("state", "tape", "input_moments"):
            np.testing.assert_array_equal(stream_row(together, name, key), stream_row(alone, name, key))


def test_shared_weights_learn_from_every_stream() -> None:
    one, two = engine_of(), engine_of()
    one.process("a", series(30))
    two.process("a", series(30))
    two.process("b", series(30, seed=1))
    assert two.counts.updates == 2 * one.counts.updates


@pytest.mark.parametrize(("task", "horizon"), [("forecast", 1), ("forecast", 5), ("regression", 1)])
def test_forecasts_do_not_depend_on_later_events(task: str, horizon: int) -> None:
    rng = np.random.default_rng(0)
    x, now = series(80), 50
    y = x**2
    scrambled_x, scrambled_y = x.copy(), y.copy()
    scrambled_x[now:], scrambled_y[now:] = 1e3 * rng.normal(size=(2, 30, 1))
    change = {"targets": ("y",), "horizon": horizon, "task": task, "learning_rate": 0.02}
    one = engine_of(**change).process("s", x, y)
    other = engine_of(**change).process("s", scrambled_x, scrambled_y)
    assert one[:now].tobytes() == other[:now].tobytes()
    assert (one[now:] != other[now:]).any()


def test_a_label_is_learned_from_only_after_its_forecast_was_made() -> None:
    x, y = series(30), series(30, seed=1)
    changed = y.copy()
    changed[20] = 1e3
    one, other = (
        engine_of(task="regression", targets=("y",), learning_rate=0.1).process("s", x, labels)
        for labels in (y, changed)
    )
    assert one[:21].tobytes() == other[:21].tobytes()
    assert one[21] != other[21]


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_target_is_learned_from_only_after_it_has_arrived(horizon: int) -> None:
    engine = engine_of(targets=("y",), horizon=horizon, residual=False)
    for t in range(horizon):
        engine.step("s", [float(t)], NAN)
    assert engine.counts.updates == 0
    engine.step("s", [0.0], 1.0)
    assert engine.counts.updates == 1


def test_numpy_and_python_keys_name_the_same_streams() -> None:
    engine = engine_of()
    engine.process(np.array([5, 6]), series(2))
    engine.step(5, [1.0])
    engine.process(np.array(["a"]), series(1))
    engine.step("a", [1.0])
    assert engine.keys == [5, 6, "a"]
