"""Drift: a stream that changes is found out, and the weights are acted on as the settings say."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river.drift import PageHinkley
from support import NAN, bits, engine_of, series, stream, weights

from stream_rnn import Engine
from stream_rnn.engine.drift import KEPT, ROW, DriftMonitor
from stream_rnn.layers.network import BodyAndHead
from stream_rnn.learning.tbptt import BOOSTED, DONE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHANGE = 400
KINDS: dict[str, dict[str, Any]] = {
    "report": {"drift": "report"},
    "boost": {"drift": "boost", "drift_events": 20},
    "reset_optimizer": {"drift": "reset_optimizer"},
    "reset_head": {"drift": "reset_head"},
    "of all": {"drift": "reset_head", "drift_scope": "all"},
    "own weights": {"drift": "reset_head", "weights": "per_stream"},
    "own weights, two kept": {"drift": "boost", "weights": "per_stream", "max_streams": 2},
    "least squares": {"drift": "boost", "readout": "rls", "rls_forgetting": 0.99},
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def engine_for(kind: str, **changes: Any) -> Engine:
    """Return an engine that finds drifts soon."""
    return engine_of(**({"drift_threshold": 10.0, "learning_rate": 0.01} | KINDS[kind] | changes))


def changing(length: int = 2 * CHANGE, seed: int = 0) -> NDArray[np.float64]:
    """Return values that stay on one side of 0 for a while, and then alternate, (length, 1)."""
    noise = np.random.default_rng(seed).normal(size=length)
    x = np.zeros(length)
    for t in range(1, length):
        x[t] = (0.9 if t < CHANGE else -0.9) * x[t - 1] + 0.3 * noise[t]
    return x[:, np.newaxis]


def mixed() -> tuple[list[str], NDArray[np.float64]]:
    """Return the events of three streams that change, each in turn."""
    x = np.hstack([changing(seed=seed) for seed in range(3)])
    return list("abc") * len(x), x.reshape(-1, 1)


def test_a_change_is_found_soon_and_nothing_before_it() -> None:
    engine = engine_of(drift="report", learning_rate=0.01)
    engine.process("s", changing())
    first = engine.drifts[0]
    assert first.key == "s"
    assert CHANGE < first.event < CHANGE + 100
    assert engine.counts.drifts == len(engine.drifts)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_drift(seed: int) -> None:
    engine = engine_of(drift="report")
    engine.process("s", np.random.default_rng(seed).standard_t(3, (5000, 1)))
    assert engine.counts.drifts == 0


def test_the_stream_that_changed_is_named() -> None:
    engine = engine_of(drift="report", learning_rate=0.01)
    x = np.hstack([changing(CHANGE, seed=1), changing()[:CHANGE]])
    engine.process(["same", "other"] * CHANGE, x.reshape(-1, 1))
    engine.process(
        ["same", "other"] * CHANGE, np.hstack([changing(CHANGE, seed=2), changing()[CHANGE:]]).reshape(-1, 1)
    )
    assert {drift.key for drift in engine.drifts} == {"other"}


def test_a_batch_tells_of_its_own_drifts() -> None:
    engine, x = engine_for("report"), changing()
    assert engine.process_detailed("s", x[:CHANGE]).drifts == []
    found = engine.process_detailed("s", x[CHANGE:]).drifts
    assert found == engine.drifts
    assert len(found) > 0


def test_a_stream_is_named_by_the_key_that_it_is_kept_by() -> None:
    engine = engine_for("report")
    for value in changing():
        engine.step(np.int64(5), value)
    assert {type(drift.key) for drift in engine.drifts} == {int}


def test_only_the_newest_are_remembered() -> None:
    engine = engine_of(drift="report", drift_threshold=0.01, drift_delta=0.0)
    engine.process("s", series(31 * (KEPT + 20)))
    assert engine.counts.drifts > KEPT
    assert len(engine.drifts) == KEPT
    assert engine.drifts[-1].event > 31 * KEPT


def test_reporting_changes_no_forecast() -> None:
    watched, x = engine_for("report"), changing()
    expected = engine_for("report", drift="off").process("s", x)
    assert watched.process("s", x).tobytes() == expected.tobytes()
    assert watched.counts.drifts > 0


@ALL_KINDS
def test_any_cut_of_the_events_gives_the_same_bits(kind: str) -> None:
    keys, x = mixed()
    whole, pieces, steps = engine_for(kind), engine_for(kind), engine_for(kind)
    expected = whole.process(keys, x).tobytes()
    edges = [0, 1, 2, 30, 1200, 1300, 1301, 2000, len(x)]
    assert b"".join(pieces.process(keys[a:b], x[a:b]).tobytes() for a, b in pairwise(edges)) == expected
    assert b"".join(steps.step(key, value).tobytes() for key, value in zip(keys, x, strict=True)) == expected
    assert bits(pieces) == bits(steps) == bits(whole)
    assert pieces.drifts == steps.drifts == whole.drifts
    assert whole.counts.drifts > 0 or kind == "own weights, two kept"


@ALL_KINDS
def test_a_loaded_engine_goes_on_bit_for_bit(kind: str, tmp_path: Path) -> None:
    keys, x = mixed()
    engine, middle = engine_for(kind), 3 * CHANGE + 20
    engine.process(keys[:middle], x[:middle])
    engine.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine")
    assert bits(loaded) == bits(engine)
    expected = engine.process_detailed(keys[middle:], x[middle:])
    found = loaded.take(keys[middle:], x[middle:])
    assert found.forecasts.tobytes() == expected.forecasts.tobytes()
    assert found.drifts == expected.drifts
    assert bits(loaded) == bits(engine)


def test_a_row_knows_what_rivers_test_would() -> None:
    engine = engine_of(drift="report", drift_threshold=5.0, drift_delta=0.1, outlier=1e9)
    watch, rows = engine._monitor, np.zeros((2, ROW))
    assert watch is not None
    errors = np.abs(np.random.default_rng(0).normal(size=(2, 2000)))
    errors[:, 1000:] *= 3
    found: list[list[int]] = [[], []]
    for t in range(2000):
        for s in range(2):
            if watch.detects(rows[s], errors[s, t]):
                found[s].append(t)
    assert found == [by_river(errors[0]), by_river(errors[1])]
    assert all(found)


def by_river(errors: NDArray[np.float64]) -> list[int]:
    """Return where river's test by itself finds a drift of errors in units of their mean since the last."""
    test, seen, found = PageHinkley(threshold=5.0, delta=0.1, mode="up"), list[float](), []
    mean = 0.0
    for t, error in enumerate(errors.tolist()):
        test.update(error / max(mean if seen else error, 0.01))
        seen.append(error)
        mean += (error - mean) / len(seen)
        if test.drift_detected:
            found.append(t)
            seen, mean = [], 0.0
    return found


def test_rivers_test_has_the_attributes_that_are_reached_for() -> None:
    test = PageHinkley(mode="up")
    parameters = {"min_instances", "delta", "threshold", "alpha", "mode"}
    state = {"_drift_detected", "_x_mean", "_sum_increase", "_min_increase"}
    unused = {"_sum_decrease", "_max_decrease", "_test_drift"}
    assert vars(test).keys() == parameters | state | unused
    assert vars(test._x_mean).keys() == {"n", "_mean"}


def test_an_error_that_is_far_too_large_is_one_among_many() -> None:
    engine = engine_of(drift="report")
    x = series(500)
    x[400] = 1e30
    engine.process("s", x)
    assert engine.counts.drifts == 0


def test_a_reset_keeps_what_is_known_of_the_error_and_an_eviction_does_not() -> None:
    engine = engine_of(drift="report", max_streams=1)
    engine.process("s", series(50))
    known = stream(engine, "drift").copy()
    engine.reset("s")
    assert known.any()
    assert (stream(engine, "drift") == known).all()
    engine.step("t", [1.0])
    assert not stream(engine, "drift", "t").any()


def test_the_error_is_the_distance_of_the_forecast_one_event_ahead() -> None:
    engine = engine_of(drift="report", scale_targets=False, horizon=3, update_every=4)
    x = series(100)
    made = engine.process("s", x[:-1])
    engine.step("s", x[-1])
    assert stream(engine, "miss") == pytest.approx(abs(made[-1, 0, 0] - x[-1, 0]), rel=1e-5)


def test_the_error_of_a_label_is_the_probability_that_was_not_given_to_it() -> None:
    engine = engine_of(task="classification", targets=("y",), classes=3)
    made = engine.step("s", [0.5], 1)
    made = engine.step("s", [0.5], 1)
    assert stream(engine, "miss") == pytest.approx(1 - made[1], rel=1e-5)


def test_without_a_target_there_is_no_error() -> None:
    engine = engine_of(drift="report", targets=("y",))
    engine.process("s", series(10), series(10))
    before = stream(engine, "drift").copy()
    engine.step("s", [1.0], NAN)
    assert math.isnan(stream(engine, "miss"))
    assert (stream(engine, "drift") == before).all()


@pytest.mark.parametrize("changes", [{}, {"readout": "rls", "rls_forgetting": 0.98}])
def test_a_boosted_update_is_that_of_a_higher_rate(changes: dict[str, Any]) -> None:
    """With all of it forgotten four times as fast, and the learning rate four times as high."""
    common = changes | {"optimizer": "sgd", "clip": "off"}
    fast = {"learning_rate": 0.04} | ({"rls_forgetting": 1 - 4 * (1 - 0.98)} if changes else {})
    boosted = engine_of(**common, learning_rate=0.01, drift="boost", drift_boost=4.0, drift_events=1000)
    assert boosted._monitor is not None
    boosted._monitor.respond(boosted._state.weights_of(0))
    x = series(50)
    boosted.process("s", x)
    expected = engine_of(**(common | fast))
    expected.process("s", x)
    np.testing.assert_allclose(weights(boosted), weights(expected), rtol=1e-4, atol=1e-6)


def test_a_boost_ends() -> None:
    engine = engine_of(drift="boost", drift_events=3)
    assert engine._monitor is not None
    engine._monitor.respond(engine._state.weights_of(0))
    left = []
    for value in series(6):
        engine.step("s", value)
        left.append(int(engine._state.weights_of(0).updates.head[BOOSTED]))
    assert left == [3, 2, 1, 0, 0, 0]


def answered(action: str, **changes: Any) -> tuple[Engine, BodyAndHead]:
    """Return an engine after it has answered a drift of stream a, and its weights before it did."""
    engine = engine_of(drift=action, **changes)
    engine.process(["a", "b"] * 20, series(40))
    before = BodyAndHead(*(part.copy() for part in engine._state.weights_of(0).params))
    assert isinstance(engine._monitor, DriftMonitor)
    engine._monitor.respond(engine._state.weights_of(0))
    return engine, before


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_resetting_the_optimizer_makes_it_one_that_has_not_begun(readout: str) -> None:
    engine, before = answered("reset_optimizer", readout=readout)
    now, fresh = engine._state.weights_of(0), engine_of(readout=readout)._state.weights_of(0)
    for part, as_it_was, moments, updates in zip(now.params, before, now.moments, now.updates, strict=True):
        np.testing.assert_array_equal(part, as_it_was)
        assert updates[DONE] == 0
        assert (moments == 0).all()
    np.testing.assert_array_equal(now.inverse, fresh.inverse)


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_resetting_the_head_leaves_the_layers(readout: str) -> None:
    engine, before = answered("reset_head", readout=readout)
    now, fresh = engine._state.weights_of(0), engine_of(readout=readout)._state.weights_of(0)
    np.testing.assert_array_equal(now.params.body, before.body)
    assert (before.head != fresh.params.head).any()
    np.testing.assert_array_equal(now.params.head, fresh.params.head)
    assert (now.moments.head == 0).all()
    assert (now.moments.body != 0).any()
    assert (now.updates.head[DONE], now.updates.body[DONE] > 0) == (0, True)
    np.testing.assert_array_equal(now.inverse, fresh.inverse)


@pytest.mark.parametrize("owner", [{"weights": "per_stream"}, {"head": "per_stream"}])
def test_a_streams_drift_leaves_the_readouts_of_others(owner: dict[str, str]) -> None:
    engine, _ = answered("reset_head", **owner)
    untouched = engine_of(**owner)
    untouched.process(["a", "b"] * 20, series(40))
    np.testing.assert_array_equal(engine._state.weights_of(1).params.head, untouched._state.weights_of(1).params.head)
    assert (engine._state.weights_of(0).params.head != untouched._state.weights_of(0).params.head).any()


def test_an_engine_that_does_not_look_for_drifts_does_not_import_river() -> None:
    code = (
        "import sys; from stream_rnn import Engine, Settings\n"
        "Engine(Settings(inputs=('x',), hidden=3)); print('river' in sys.modules)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "False"
