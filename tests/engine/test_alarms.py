"""Alarms: a stream whose forecasts have been worse than persistence for long is reported, others are not."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace
from support import NAN, bits, engine_of, stream_row, tokens_engine, weights_in_slot

from stream_rnn import DataError, Engine, Settings
from stream_rnn.engine.alarms import Alarm

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXCHANGE = Path(__file__).parents[3] / "shared/data/exchange/exchange_rate.csv"
CHANGE, LENGTH = 2000, 4000
STUCK: dict[str, Any] = {"residual": False, "learning_rate": 1e-12}
"""Forecasts are the running mean for ever: much worse than persistence for slow changes, and better for noise."""
KINDS: dict[str, dict[str, Any]] = {
    "shared": {},
    "own weights": {"weights": "per_stream"},
    "limited": {"max_streams": 2},
    "several horizons": {"horizon": 3},
    "intervals and scores": {"interval": 0.9, "anomaly": True},
}


def autoregression(coefficients: tuple[float, ...], length: int, seed: int = 0) -> NDArray[np.float64]:
    """Return values of an autoregression of order one, `length` with each coefficient, (lengths, 1)."""
    noise = np.random.default_rng(seed).normal(size=length * len(coefficients))
    x = np.zeros(len(noise))
    for t in range(1, len(x)):
        x[t] = coefficients[t // length] * x[t - 1] + noise[t]
    return x[:, np.newaxis]


X = np.concatenate([0.1 * autoregression((0.995,), CHANGE), autoregression((0.0,), CHANGE)])
"""Slow changes up to CHANGE, and noise of the same deviation from there on, (LENGTH, 1)."""


def test_a_model_that_does_not_follow_a_change_raises_an_alarm_within_1500_events_and_recovers() -> None:
    x = autoregression((-0.9, 0.9), 3000)
    learning = Settings(inputs=("x",), hidden=8, seed=1)
    engine = Engine(learning)
    assert engine.process_detailed("s", x[:3000]).alarms == []
    frozen = engine.with_settings(replace(learning, learning_rate=1e-12))
    (alarm,) = frozen.process_detailed("s", x[3000:]).alarms
    assert alarm.raised
    assert 3500 < alarm.event <= 4500
    assert frozen.failing == {"s": frozen.relative_error("s")}
    assert frozen.relative_error("s") > 1.2
    thawed = frozen.with_settings(learning)
    (cleared,) = thawed.process_detailed("s", autoregression((0.9,), 4000, seed=1)).alarms
    assert not cleared.raised
    assert thawed.failing == {}
    assert thawed.counts.alarms == 1


@pytest.mark.parametrize("changes", [{}, {"preset": "linear"}], ids=["default", "linear"])
def test_random_walks_noise_and_changes_that_are_followed_raise_no_alarm(changes: dict[str, Any]) -> None:
    count = 8
    walks = np.cumsum(np.random.default_rng(0).normal(size=(3000, count)), axis=0)
    noise = np.random.default_rng(1).normal(size=(3000, count))
    engine = Engine(Settings.parse(changes | {"inputs": ("x",), "hidden": 8}))
    engine.process(np.tile(np.arange(count), 6000), np.concatenate([walks, noise]).reshape(-1, 1))
    engine.process("changing", autoregression((0.9, -0.9, 0.5), 2000))
    assert engine.counts.alarms == 0
    assert all(engine.relative_error(key) < 1.1 for key in engine.keys)


@pytest.mark.skipif(not EXCHANGE.exists(), reason=f"{EXCHANGE} is not there")
def test_exchange_rates_are_as_hard_as_random_walks_and_raise_no_alarm() -> None:
    rates = np.loadtxt(EXCHANGE, delimiter=",", skiprows=1, usecols=range(1, 9))
    names = tuple(f"rate{k}" for k in range(rates.shape[1]))
    engine = Engine(Settings(inputs=names))
    engine.process(0, rates)
    assert engine.counts.alarms == 0
    assert 0.95 < engine.relative_error(0) < 1.05


def test_spikes_do_not_raise_an_alarm() -> None:
    x = autoregression((0.9,), 6000)
    x[2000::97] += 1e6
    engine = Engine(Settings(inputs=("x",), hidden=8))
    engine.process("s", x)
    assert engine.counts.alarms == 0


def test_a_value_that_stops_changing_raises_no_alarm() -> None:
    x = autoregression((0.9,), 12_000)
    x[3000:] = x[2999]
    engine = Engine(Settings(inputs=("x",), hidden=8))
    engine.process("s", x)
    assert engine.counts.alarms == 0


def test_one_of_many_targets_that_fails_badly_raises_an_alarm() -> None:
    x = np.cumsum(np.random.default_rng(0).normal(size=(2000, 10)), axis=0)
    engine, broken = (engine_of(inputs=tuple("abcdefghij"), learning_rate=1e-12) for _ in range(2))
    weights_in_slot(broken).params.head[-10] = 8.0  # the bias of the first target, in its usual changes
    for each in (engine, broken):
        each.process("s", x)
    assert engine.failing == {}
    assert broken.failing.keys() == {"s"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_alarm_is_raised_and_cleared_once(kind: str) -> None:
    engine = engine_of(**STUCK | KINDS[kind])
    raised, cleared = engine.process_detailed("s", X).alarms
    assert (raised.key, raised.raised, cleared.key, cleared.raised) == ("s", True, "s", False)
    assert 1500 <= raised.event <= 1502
    assert cleared.event > CHANGE
    assert engine.counts.alarms == 1
    assert engine.failing == {}


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=5)
@given(cuts=st.sets(st.integers(1, 3 * LENGTH - 1), max_size=6))
def test_alarms_do_not_depend_on_batches(kind: str, cuts: set[int]) -> None:
    keys, x = list("aba") * LENGTH, np.repeat(X, 3, axis=0)
    whole, pieces = engine_of(**STUCK | KINDS[kind]), engine_of(**STUCK | KINDS[kind])
    expected = whole.process_detailed(keys, x).alarms
    edges = [0, *sorted(cuts), len(keys)]
    alarms = [alarm for a, b in pairwise(edges) for alarm in pieces.process_detailed(keys[a:b], x[a:b]).alarms]
    assert alarms == expected != []
    assert bits(pieces) == bits(whole)


def test_steps_have_the_alarms_of_a_batch() -> None:
    whole, steps = engine_of(**STUCK), engine_of(**STUCK)
    expected = whole.process_detailed("s", X[:CHANGE]).alarms
    results = [steps.step_detailed("s", row) for row in X[:CHANGE]]
    assert [alarm for result in results for alarm in result.alarms] == expected != []
    assert bits(steps) == bits(whole)


def test_a_saved_engine_continues_with_the_same_alarms(tmp_path: Path) -> None:
    whole, first = engine_of(**STUCK), engine_of(**STUCK)
    whole.process("s", X[:1400])
    first.process("s", X[:1400])
    first.save(tmp_path / "state")
    second = Engine.load(tmp_path / "state")
    alarms = second.process_detailed("s", X[1400:CHANGE]).alarms
    assert alarms == whole.process_detailed("s", X[1400:CHANGE]).alarms != []
    second.save(tmp_path / "failing")
    third = Engine.load(tmp_path / "failing")
    assert third.failing == whole.failing != {}
    assert third.process_detailed("s", X[CHANGE:]).alarms == whole.process_detailed("s", X[CHANGE:]).alarms != []
    assert bits(third) == bits(whole)


def test_an_engine_that_grows_keeps_its_alarms() -> None:
    small = engine_of(targets=("x",), **STUCK)
    small.process("s", X[:CHANGE])
    grown = small.with_settings(replace(small.settings, inputs=("x", "z")))
    assert grown.failing == small.failing != {}
    (cleared,) = grown.process_detailed("s", np.hstack([X, X])[CHANGE:]).alarms
    assert not cleared.raised


def test_a_stream_that_replaces_a_failing_one_does_not_fail() -> None:
    engine = engine_of(max_streams=1, **STUCK)
    engine.process("s", X[:CHANGE])
    assert engine.failing.keys() == {"s"}
    assert engine.process_detailed("t", X[:100]).alarms == []
    assert engine.failing == {}
    assert engine.counts.alarms == 1


def test_only_events_with_a_value_and_a_forecast_are_judged() -> None:
    engine = engine_of(**STUCK)
    x = np.repeat(X[:CHANGE], 2, axis=0)
    x[::2] = NAN
    raised = engine.process_detailed("s", x).alarms
    assert raised == [Alarm(event=pytest.approx(3002, abs=4), key="s", raised=True)]


def test_the_present_class_is_compared_with_the_most_likely_one() -> None:
    tokens = np.repeat(np.random.default_rng(0).integers(0, 5, 300), 30)[:, np.newaxis].astype(float)
    stuck, learning = tokens_engine(learning_rate=1e-12), tokens_engine(learning_rate=0.01)
    few = tokens_engine(learning_rate=1e-12, top=2)
    for engine in (stuck, learning, few):
        engine.process("s", tokens)
    assert stuck.failing.keys() == few.failing.keys() == {"s"}
    assert stuck.relative_error("s") == few.relative_error("s") > 2
    assert learning.failing == {}
    assert learning.relative_error("s") < 1.1


def test_labels_are_not_judged() -> None:
    engine = engine_of(task="regression", targets=("y",), learning_rate=1e-12)
    result = engine.process_detailed("s", X[:CHANGE], X[:CHANGE])
    assert result.alarms == []
    assert engine.failing == {}
    assert math.isnan(engine.relative_error("s"))
    assert stream_row(engine, "failure").shape == (0,)


def test_without_scaling_the_units_of_the_target_do_not_matter() -> None:
    engines = [engine_of(scale_targets=False, **STUCK) for _ in range(2)]
    for engine, unit in zip(engines, (1.0, 1e12), strict=True):
        engine.process("s", unit * X[:CHANGE])
    assert engines[0].failing.keys() == engines[1].failing.keys() == {"s"}


def test_alarms_are_json_too_and_name_plain_keys() -> None:
    alarms = engine_of(**STUCK).process_detailed(np.full(CHANGE, 5), X[:CHANGE]).to_dict()["alarms"]
    assert json.loads(json.dumps(alarms)) == alarms
    assert [(alarm["key"], alarm["raised"]) for alarm in alarms] == [(5, True)]


def test_an_alarm_says_what_it_means() -> None:
    assert str(Alarm(1501, "pump-1", raised=True)) == (
        "alarm in stream 'pump-1' at event 1,501: its forecasts have been worse than persistence for long"
    )
    assert str(Alarm(3502, "pump-1", raised=False)) == "alarm in stream 'pump-1' cleared at event 3,502"


def test_the_relative_error_of_an_unknown_stream_is_refused() -> None:
    with pytest.raises(DataError, match="unknown stream 'nobody'"):
        engine_of().relative_error("nobody")
