"""Drift: changes of a stream are detected, and the weights are changed in response."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from river.drift import PageHinkley
from support import NAN, bits, drift_monitor, engine_of, series, stream_row, weights, weights_in_slot

from stream_rnn import Engine
from stream_rnn.engine.drift import MAX_DRIFTS_LISTED, ROW
from stream_rnn.layers.network import BodyAndHead
from stream_rnn.learning.tbptt import BOOSTED, DONE
from stream_rnn.settings.base import choices_of
from stream_rnn.settings.fields import DriftAction

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHANGE = 400
KINDS: dict[str, dict[str, Any]] = {
    "report": {"drift": "report"},
    "boost": {"drift": "boost", "drift_events": 20},
    "reset_optimizer": {"drift": "reset_optimizer"},
    "reset_head": {"drift": "reset_head"},
    "all streams": {"drift": "reset_head", "drift_scope": "all"},
    "own weights": {"drift": "reset_head", "weights": "per_stream"},
    "own weights, limited": {"drift": "boost", "weights": "per_stream", "max_streams": 2},
    "least squares": {"drift": "boost", "readout": "rls", "rls_forgetting": 0.99},
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def engine_for(kind: str, **changes: Any) -> Engine:
    """Return an engine that detects drifts early."""
    return engine_of(**({"drift_threshold": 10.0, "learning_rate": 0.01} | KINDS[kind] | changes))


def changing(length: int = 2 * CHANGE, seed: int = 0) -> NDArray[np.float64]:
    """Return values that are positively autocorrelated up to CHANGE and negatively from there on, (length, 1)."""
    noise = np.random.default_rng(seed).normal(size=length)
    x = np.zeros(length)
    for t in range(1, length):
        x[t] = (0.9 if t < CHANGE else -0.9) * x[t - 1] + 0.3 * noise[t]
    return x[:, np.newaxis]


def interleaved() -> tuple[list[str], NDArray[np.float64]]:
    """Return the events of three streams that change, interleaved."""
    x = np.hstack([changing(seed=seed) for seed in range(3)])
    return list("abc") * len(x), x.reshape(-1, 1)


def test_every_response_is_tested_here() -> None:
    assert {kind["drift"] for kind in KINDS.values()} == set(choices_of(DriftAction)) - {"off"}


def test_a_change_is_detected_early_and_nothing_is_detected_before() -> None:
    engine = engine_of(drift="report", learning_rate=0.01)
    engine.process("s", changing())
    first = engine.drifts[0]
    assert first.key == "s"
    assert CHANGE < first.event < CHANGE + 100
    assert engine.counts.drifts == len(engine.drifts)


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tailed_noise_is_not_a_drift(seed: int) -> None:
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


def test_a_batch_result_lists_the_drifts_of_the_batch() -> None:
    engine, x = engine_for("report"), changing()
    assert engine.process_detailed("s", x[:CHANGE]).drifts == []
    drifts = engine.process_detailed("s", x[CHANGE:]).drifts
    assert drifts == engine.drifts
    assert len(drifts) > 0


def test_a_drift_names_the_stream_by_its_python_key() -> None:
    engine = engine_for("report")
    for value in changing():
        engine.step(np.int64(5), value)
    assert {type(drift.key) for drift in engine.drifts} == {int}


def test_only_the_newest_drifts_are_listed() -> None:
    engine = engine_of(drift="report", drift_threshold=0.01, drift_delta=0.0)
    engine.process("s", series(31 * (MAX_DRIFTS_LISTED + 20)))
    assert engine.counts.drifts > MAX_DRIFTS_LISTED
    assert len(engine.drifts) == MAX_DRIFTS_LISTED
    assert engine.drifts[-1].event > 31 * MAX_DRIFTS_LISTED


def test_reporting_does_not_change_forecasts() -> None:
    monitored, x = engine_for("report"), changing()
    expected = engine_for("report", drift="off").process("s", x)
    assert monitored.process("s", x).tobytes() == expected.tobytes()
    assert monitored.counts.drifts > 0


@ALL_KINDS
def test_results_and_drifts_do_not_depend_on_batches(kind: str) -> None:
    keys, x = interleaved()
    whole, pieces, steps = engine_for(kind), engine_for(kind), engine_for(kind)
    expected = whole.process(keys, x).tobytes()
    edges = [0, 1, 2, 30, 1200, 1300, 1301, 2000, len(x)]
    assert b"".join(pieces.process(keys[a:b], x[a:b]).tobytes() for a, b in pairwise(edges)) == expected
    assert b"".join(steps.step(key, value).tobytes() for key, value in zip(keys, x, strict=True)) == expected
    assert bits(pieces) == bits(steps) == bits(whole)
    assert pieces.drifts == steps.drifts == whole.drifts
    assert whole.counts.drifts > 0 or kind == "own weights, limited"


@ALL_KINDS
def test_a_loaded_engine_continues_bit_for_bit(kind: str, tmp_path: Path) -> None:
    keys, x = interleaved()
    engine, middle = engine_for(kind), 3 * CHANGE + 20
    engine.process(keys[:middle], x[:middle])
    engine.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine")
    assert bits(loaded) == bits(engine)
    expected = engine.process_detailed(keys[middle:], x[middle:])
    result = loaded.process_detailed(keys[middle:], x[middle:])
    assert result.forecasts.tobytes() == expected.forecasts.tobytes()
    assert result.drifts == expected.drifts
    assert bits(loaded) == bits(engine)


def test_each_row_detects_the_drifts_of_its_own_river_test() -> None:
    engine = engine_of(drift="report", drift_threshold=5.0, drift_delta=0.1, outlier=1e9)
    monitor, rows = drift_monitor(engine), np.zeros((2, ROW))
    errors = np.abs(np.random.default_rng(0).normal(size=(2, 2000)))
    errors[:, 1000:] *= 3
    detected: list[list[int]] = [[], []]
    for t in range(2000):
        for s in range(2):
            if monitor.detects(rows[s], errors[s, t]):
                detected[s].append(t)
    assert detected == [by_river(errors[0]), by_river(errors[1])]
    assert all(detected)


def by_river(errors: NDArray[np.float64]) -> list[int]:
    """Return where river's test detects drifts of errors that are in units of their mean since the previous drift."""
    test, seen, detected = PageHinkley(threshold=5.0, delta=0.1, mode="up"), list[float](), []
    mean = 0.0
    for t, error in enumerate(errors.tolist()):
        test.update(error / max(mean if seen else error, 0.01))
        seen.append(error)
        mean += (error - mean) / len(seen)
        if test.drift_detected:
            detected.append(t)
            seen, mean = [], 0.0
    return detected


def test_rivers_test_has_exactly_the_attributes_that_are_saved() -> None:
    test = PageHinkley(mode="up")
    parameters = {"min_instances", "delta", "threshold", "alpha", "mode"}
    state = {"_drift_detected", "_x_mean", "_sum_increase", "_min_increase"}
    unused = {"_sum_decrease", "_max_decrease", "_test_drift"}
    assert vars(test).keys() == parameters | state | unused
    assert vars(test._x_mean).keys() == {"n", "_mean"}


def test_a_single_huge_error_is_not_a_drift() -> None:
    engine = engine_of(drift="report")
    x = series(500)
    x[400] = 1e30
    engine.process("s", x)
    assert engine.counts.drifts == 0


def test_a_reset_keeps_the_row_of_the_error_and_an_eviction_resets_it() -> None:
    engine = engine_of(drift="report", max_streams=1)
    engine.process("s", series(50))
    known = stream_row(engine, "drift").copy()
    engine.reset("s")
    assert known.any()
    assert (stream_row(engine, "drift") == known).all()
    engine.step("t", [1.0])
    assert not stream_row(engine, "drift", "t").any()


def test_the_error_is_the_distance_of_the_forecast_one_event_ahead() -> None:
    engine = engine_of(drift="report", scale_targets=False, horizon=3, update_every=4)
    x = series(100)
    forecasts = engine.process("s", x[:-1])
    engine.step("s", x[-1])
    assert stream_row(engine, "miss") == pytest.approx(abs(forecasts[-1, 0, 0] - x[-1, 0]), rel=1e-5)


def test_the_error_of_a_class_is_the_probability_of_the_other_classes() -> None:
    engine = engine_of(task="classification", targets=("y",), classes=3)
    engine.step("s", [0.5], 1)
    probabilities = engine.step("s", [0.5], 1)
    assert stream_row(engine, "miss") == pytest.approx(1 - probabilities[1], rel=1e-5)


def test_without_a_target_there_is_no_error() -> None:
    engine = engine_of(drift="report", targets=("y",))
    engine.process("s", series(10), series(10))
    before = stream_row(engine, "drift").copy()
    engine.step("s", [1.0], NAN)
    assert math.isnan(stream_row(engine, "miss"))
    assert (stream_row(engine, "drift") == before).all()


@pytest.mark.parametrize("changes", [{}, {"readout": "rls", "rls_forgetting": 0.98}])
def test_a_boost_multiplies_the_learning_rate_and_the_forgetting(changes: dict[str, Any]) -> None:
    common = changes | {"optimizer": "sgd", "clip": "off"}
    fast = {"learning_rate": 0.04} | ({"rls_forgetting": 1 - 4 * (1 - 0.98)} if changes else {})
    boosted = engine_of(**common, learning_rate=0.01, drift="boost", drift_boost=4.0, drift_events=1000)
    drift_monitor(boosted).respond(weights_in_slot(boosted))
    x = series(50)
    boosted.process("s", x)
    expected = engine_of(**(common | fast))
    expected.process("s", x)
    np.testing.assert_allclose(weights(boosted), weights(expected), rtol=1e-4, atol=1e-6)


def test_a_boost_ends_after_its_number_of_updates() -> None:
    engine = engine_of(drift="boost", drift_events=3)
    drift_monitor(engine).respond(weights_in_slot(engine))
    left = []
    for value in series(6):
        engine.step("s", value)
        left.append(int(weights_in_slot(engine).updates.head[BOOSTED]))
    assert left == [3, 2, 1, 0, 0, 0]


def responded(action: str, **changes: Any) -> tuple[Engine, BodyAndHead]:
    """Return an engine that has responded to a drift of stream a, and its weights before it did."""
    engine = engine_of(drift=action, **changes)
    engine.process(["a", "b"] * 20, series(40))
    before = BodyAndHead(*(part.copy() for part in weights_in_slot(engine).params))
    drift_monitor(engine).respond(weights_in_slot(engine))
    return engine, before


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_resetting_the_optimizer_resets_its_moments_and_keeps_the_weights(readout: str) -> None:
    engine, before = responded("reset_optimizer", readout=readout)
    now, fresh = weights_in_slot(engine), weights_in_slot(engine_of(readout=readout))
    for part, part_before, moments, updates in zip(now.params, before, now.moments, now.updates, strict=True):
        np.testing.assert_array_equal(part, part_before)
        assert updates[DONE] == 0
        assert (moments == 0).all()
    np.testing.assert_array_equal(now.inverse, fresh.inverse)


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_resetting_the_head_keeps_the_layers(readout: str) -> None:
    engine, before = responded("reset_head", readout=readout)
    now, fresh = weights_in_slot(engine), weights_in_slot(engine_of(readout=readout))
    np.testing.assert_array_equal(now.params.body, before.body)
    assert (before.head != fresh.params.head).any()
    np.testing.assert_array_equal(now.params.head, fresh.params.head)
    assert (now.moments.head == 0).all()
    assert (now.moments.body != 0).any()
    assert (now.updates.head[DONE], now.updates.body[DONE] > 0) == (0, True)
    np.testing.assert_array_equal(now.inverse, fresh.inverse)


@pytest.mark.parametrize("owner", [{"weights": "per_stream"}, {"head": "per_stream"}])
def test_the_drift_of_a_stream_keeps_the_readouts_of_others(owner: dict[str, str]) -> None:
    engine, _ = responded("reset_head", **owner)
    untouched = engine_of(**owner)
    untouched.process(["a", "b"] * 20, series(40))
    np.testing.assert_array_equal(weights_in_slot(engine, 1).params.head, weights_in_slot(untouched, 1).params.head)
    assert (weights_in_slot(engine).params.head != weights_in_slot(untouched).params.head).any()


def test_an_engine_that_detects_no_drifts_does_not_import_river() -> None:
    code = (
        "import sys; from stream_rnn import Engine, Settings\n"
        "Engine(Settings(inputs=('x',), hidden=3)); print('river' in sys.modules)"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "False"
