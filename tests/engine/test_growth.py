"""An engine continues with more inputs, targets and classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from growing import MISSING, A, B, N, Y, changes_of, grown, process
from probe import LAYERS
from support import NAN, arrays, bits, engine_of, stream_row

from stream_rnn import Engine
from stream_rnn.layers import BIDIRECTIONAL

if TYPE_CHECKING:
    from pathlib import Path

GROWING_LAYERS = [name for name in LAYERS if name not in {*BIDIRECTIONAL, "embedding", "reservoir"}]
"""Layers that can add inputs."""
NETWORKS = pytest.mark.parametrize("layers", [*GROWING_LAYERS, "conv>gru", "none>gru"])


def assert_same(engine: Engine, other: Engine, *, rtol: float = 0.0, without: set[str] | None = None) -> None:
    """Check that engines have equal arrays; -0 equals 0."""
    expected = arrays(other)
    assert arrays(engine).keys() == expected.keys()
    for name, array in arrays(engine).items():
        if name not in (without or set()):
            np.testing.assert_allclose(array, expected[name], rtol, rtol, err_msg=name)


def check_growth(*, rtol: float = 0.0, **changes: Any) -> None:
    """Check that adding inputs late equals having had them as missing inputs, except for the count of missing ones."""
    inputs, old = (*changes["inputs"], "b", "c"), [A] * len(changes["inputs"])
    late, early = engine_of(**changes), engine_of(**changes)
    for each in (late, early):
        process(each, *old)  # before any growth: the weights of new streams are drawn for all inputs
    early = grown(early, inputs=inputs)
    process(late, *old)
    process(early, *old, MISSING, MISSING)
    without, late = late, grown(late, inputs=inputs)
    assert_same(late, early, rtol=rtol, without={"counts"})
    labels, expected = (process(each, *old, B, MISSING) for each in (late, early))
    np.testing.assert_allclose(labels, expected, rtol, rtol)
    assert_same(late, early, rtol=rtol, without={"counts"})
    assert np.abs(labels - process(without, *old)).max() > 1e-3  # the new inputs are learned from


@NETWORKS
def test_inputs_added_late_are_as_inputs_that_were_missing_before(layers: str) -> None:
    rtol = 1e-4 if "none" in layers else 0.0  # sums over all columns are rounded differently
    derived = {} if "conv" in layers else {"differences": True, "elapsed": True}
    check_growth(**changes_of(layers, **derived), rtol=rtol)


@NETWORKS
def test_the_same_holds_for_an_engine_without_inputs(layers: str) -> None:
    check_growth(**changes_of(layers, inputs=()), rtol=1e-4 if "none" in layers else 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": "per_stream"},
        {"head": "per_stream"},
        {"inputs": (), "weights": "per_stream"},
        {"inputs": (), "head": "per_stream"},
        {"lags": (1, 3), "calendar": ("day",), "harmonics": 1},
        {"inputs": (), "calendar": ("day",)},
        {"skip": True},
        {"skip": True, "readout": "rls", "rls_forgetting": 1.0},
        {"skip": True, "layer": ("reservoir",)},
        {"reservoir": 7},
        {"reservoir": 7, "skip": True, "lags": (1, 3), "differences": True, "readout": "rls", "rls_forgetting": 1.0},
        {"skip": True, "readout_lags": (1, 3), "calendar": ("day",), "harmonics": 1},
        {"skip": True, "readout": "rls", "rls_forgetting": 1.0, "head": "per_stream"},
        {"skip": True, "readout": "rls", "rls_forgetting": 1.0, "weights": "per_stream"},
        {"half_life": 3600.0},
        {"optimizer": "sgd"},
    ],
    ids=str,
)
def test_the_same_holds_with_other_settings(changes: dict[str, Any]) -> None:
    close = "skip" in changes or "lags" in changes  # sums over columns are rounded differently
    check_growth(**changes_of("gru", dtype="float32", **changes), rtol=1e-3 if close else 0.0)


@NETWORKS
def test_growing_twice_equals_growing_once(layers: str) -> None:
    engine = engine_of(**changes_of(layers, missing_flags=True, skip=True))
    process(engine, A)
    twice = grown(grown(engine, inputs=("a", "b")), inputs=("a", "b", "c"))
    assert bits(twice) == bits(grown(engine, inputs=("a", "b", "c")))


@NETWORKS
def test_growth_changes_neither_the_forecasts_nor_the_original_engine(layers: str) -> None:
    engine = engine_of(**changes_of(layers, missing_flags=True))
    process(engine, A)
    before = bits(engine)
    larger = grown(engine, inputs=("a", "b"))
    assert larger.counts == engine.counts
    assert stream_row(larger, "forecast", "a").tobytes() == stream_row(engine, "forecast", "a").tobytes()
    labels = [larger.step("a", x) for x in ([0.3, 7.0], [0.4, -2.0])]  # nothing is learned without targets
    process(larger, A, B)
    assert bits(engine) == before
    np.testing.assert_allclose(labels, [engine.step("a", x) for x in ([0.3], [0.4])], 1e-6)


def test_growth_does_not_change_predictions() -> None:
    engine = engine_of(**changes_of("gru", missing_flags=True))
    process(engine, A)
    larger = grown(engine, inputs=("a", "b"))
    assert larger.predict("a").tobytes() == engine.predict("a").tobytes()
    np.testing.assert_allclose(larger.predict("a", [0.3, 7.0]), engine.predict("a", [0.3]), 1e-6)


def test_the_missing_flag_of_a_new_input_has_no_effect_before_it_is_learned() -> None:
    engine = engine_of(**changes_of("gru", missing_flags=True))
    process(engine, A)
    larger = grown(engine, inputs=("a", "b"))
    known, unknown = larger.predict("a", {"a": 1.0, "b": 2.0}), larger.predict("a", {"a": 1.0})
    assert known.tobytes() == unknown.tobytes()


def test_a_new_input_is_learned() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 1000, 1))
    engine = engine_of(**changes_of("gru", hidden=6, learning_rate=0.02))
    engine.process("s", x, y)
    labels = grown(engine, inputs=("a", "b")).process("s", np.hstack([x, y]), y)
    without = engine.process("s", x, y)
    assert np.abs(labels - y)[500:].mean() < 0.3 * np.abs(without - y)[500:].mean()


@pytest.mark.parametrize("layers", ["gru", "lstm", "elstm", "columnar_gru"])
def test_a_new_input_is_learned_if_all_others_are_missing(layers: str) -> None:
    engine = engine_of(**changes_of(layers, learning_rate=0.05))
    engine.process("s", MISSING, Y)
    larger = grown(engine, inputs=("a", "b"))
    labels, without = larger.process("s", np.hstack([MISSING, Y]), Y), engine.process("s", MISSING, Y)
    assert labels[:2].tobytes() == without[:2].tobytes()  # before the first update the new input has no effect
    assert np.abs(labels - Y)[N // 2 :].mean() < 0.7 * np.abs(without - Y)[N // 2 :].mean()


def test_streams_that_appear_later_have_the_new_inputs() -> None:
    engine = grown(engine_of(**changes_of("gru", weights="per_stream")), inputs=("a", "b"))
    other = grown(engine_of(**changes_of("gru", weights="per_stream")), inputs=("a", "b"))
    process(engine, A, B)
    labels = engine.process("new", np.hstack([A, B]), Y)
    assert labels.tobytes() == other.process("new", np.hstack([A, B]), Y).tobytes()


def test_evictions_and_recency_are_carried_over() -> None:
    engine = engine_of(**changes_of("gru", max_streams=2))
    engine.process(["a", "b", "c", "b"], A[:4], Y[:4])
    larger = grown(engine, inputs=("a", "b"))
    assert (larger.evictions, larger.keys) == (1, engine.keys)
    larger.step("d", [1.0, 2.0])
    assert sorted(larger.keys) == ["b", "d"]


def test_an_engine_that_has_grown_can_be_saved(tmp_path: Path) -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    larger = grown(engine, inputs=("a", "b"))
    process(larger, A, B)
    larger.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine", settings=larger.settings)
    assert process(loaded, A, B).tobytes() == process(larger, A, B).tobytes()
    assert bits(loaded) == bits(larger)


def test_forecasts_of_named_targets_continue_with_more_inputs() -> None:
    engine = engine_of(inputs=("x",), horizon=3, reversion=True)
    engine.process("s", A)
    larger = grown(engine, inputs=("x", "b"), targets=("x",))
    assert larger.predict("s").tobytes() == engine.predict("s").tobytes()
    forecasts = larger.process("s", np.hstack([B, MISSING]))
    np.testing.assert_allclose(forecasts[0], engine.process("s", B)[0], 1e-6)


# Targets and classes.


def test_new_targets_are_as_targets_that_were_missing_before() -> None:
    changes = changes_of("gru", update_every=3)
    engine, early = engine_of(**changes), engine_of(**changes | {"targets": ("y", "z")})
    engine.process("s", A[:2], Y[:2])  # before the first update, so that errors are pending
    early.process("s", A[:2], np.hstack([Y[:2], MISSING[:2]]))
    late = grown(engine, targets=("y", "z"))
    assert np.abs(stream_row(late, "errors")).max() > 0
    assert_same(late, early, without={"counts", "base"})  # rows beyond the length of the sequence are not used
    both = np.hstack([Y[2:], B[2:]])
    assert late.process("s", A[2:], both).tobytes() == early.process("s", A[2:], both).tobytes()


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_a_new_target_is_learned_and_the_old_one_is_not_forgotten(readout: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 1))
    engine = engine_of(**changes_of("gru", readout=readout, skip=True, learning_rate=0.01))
    engine.process("s", x, 2 * x)
    larger = grown(engine, targets=("y", "z"))
    assert larger.predict("s")[0] == engine.predict("s")[0]
    assert larger.predict("s")[1] == 0
    old, new = np.abs(larger.process("s", x, np.hstack([2 * x, -x])) - np.hstack([2 * x, -x])).T
    assert old[:100].mean() < 0.3 * np.abs(2 * x).mean()
    later = slice(50, 100) if readout == "rls" else slice(300, 400)
    assert new[later].mean() < 0.3 * np.abs(x).mean()


def test_intervals_and_anomaly_scores_continue_with_more_targets() -> None:
    engine = engine_of(**changes_of("gru", interval=0.9, anomaly=True))
    engine.process("s", A, Y)
    larger = grown(engine, targets=("y", "z"))
    assert larger.interval("s")[0].tobytes() == engine.interval("s")[0].tobytes()
    assert np.isnan(larger.interval("s")[1]).all()
    assert larger.anomaly("s") == engine.anomaly("s")
    known = len(stream_row(engine, "surprise"))
    np.testing.assert_array_equal(stream_row(larger, "surprise")[:known], stream_row(engine, "surprise"))
    assert not stream_row(larger, "surprise")[known:].any()
    result = larger.process_detailed("s", A, np.hstack([Y, B]))
    assert np.isfinite(result.intervals[-1]).all()


def test_a_new_binary_target_starts_with_probability_one_half() -> None:
    engine = engine_of(**changes_of("gru", task="classification"))
    engine.process("s", A, np.zeros((N, 1)))
    larger = grown(engine, targets=("y", "z"))
    assert larger.predict("s")[0] == engine.predict("s")[0] < 0.4
    assert larger.predict("s")[1] == larger.predict("s", [0.1])[1] == 0.5


def test_a_new_class_starts_with_the_lowest_bias_and_is_learned() -> None:
    engine = engine_of(**changes_of("gru", task="classification", classes=2, loss="softmax"))
    engine.process("s", A, np.arange(N)[:, np.newaxis] % 4 == 0)
    larger = grown(engine, classes=3)
    old, new = engine.predict("s", [0.1]), larger.predict("s", [0.1])
    assert larger.predict("s").tolist() == [*engine.predict("s"), 0.0]
    np.testing.assert_allclose(new[:2] / new[:2].sum(), old, 1e-6)
    c = engine.parameters["c"]
    assert larger.parameters["c"].tolist() == [*c, min(c)]
    assert not larger.parameters["V"][2].any()
    larger.process("s", np.tile(A, (5, 1)), np.full((5 * N, 1), 2.0))
    assert larger.predict("s", [0.1]).argmax() == 2


def test_inputs_targets_and_a_rate_may_change_at_once() -> None:
    engine = engine_of(**changes_of("gru", skip=True))
    process(engine, A)
    at_once = grown(engine, inputs=("a", "b"), targets=("y", "z"), learning_rate=0.001)
    in_steps = grown(grown(grown(engine, targets=("y", "z")), learning_rate=0.001), inputs=("a", "b"))
    assert bits(at_once) == bits(in_steps)
    assert at_once.settings == in_steps.settings


@pytest.mark.parametrize(
    ("task", "layers"),
    [
        *((task, "gru") for task in ("regression", "classification", "forecast")),
        *(("regression", layers) for layers in ("lru", "columnar_gru", "none", "conv")),
    ],
)
def test_an_engine_without_inputs_forecasts_and_learns(task: str, layers: str) -> None:
    engine = engine_of(**changes_of(layers, task=task, inputs=(), init_input="he", learning_rate=0.1))
    for _ in range(200):
        forecast = engine.step("s", {}, 1.0)
    assert abs(float(forecast.ravel()[0]) - 1) < 0.3
    batch = engine.process("s", np.empty((5, 0)), np.ones((5, 1)))
    assert np.isfinite(batch).all()
    larger = grown(engine, inputs=("a",))
    for x in ([3.0], [-1.0]):  # nothing is learned without targets
        assert larger.step("s", x, NAN).tobytes() == engine.step("s", {}, NAN).tobytes()
