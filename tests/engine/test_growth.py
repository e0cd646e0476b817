"""An engine goes on with other settings, and as a copy of itself."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from probe import LAYERS
from support import NAN, arrays, bits, engine_of, series, settings, stream, tokens_engine

from stream_rnn import Engine, SettingError, Settings
from stream_rnn.engine.growth import FREE, GROWING
from stream_rnn.layers import BIDIRECTIONAL

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TALLER = [name for name in LAYERS if name not in {*BIDIRECTIONAL, "embedding", "reservoir"}]
"""Layers that take in more inputs."""
NETWORKS = pytest.mark.parametrize("layers", [*TALLER, "conv>gru", "none>gru"])
N = 80
KEYS = list("abaab") * (N // 5)
A, B, Y = series(N), series(N, seed=1), series(N, seed=2)
UNSEEN = np.full((N, 1), NAN)
TIMES = 3600.0 * np.arange(N)


def changes_of(layers: str, **changes: Any) -> dict[str, Any]:
    """Return settings of a regression that no sum over inputs tells apart: gradients are clipped one by one."""
    base: dict[str, Any] = {
        "layer": tuple(layers.split(">")),
        "targets": ("y",),
        "task": "regression",
        "inputs": ("a",),
        "window": 5,
        "update_every": 2,
        "learning_rate": 0.02,
        "clip": "value",
        "missing_flags": False,
        "scale_inputs": True,
    }
    return base | changes


def grown(engine: Engine, **changes: Any) -> Engine:
    """Return an engine that goes on with some settings changed."""
    return engine.with_settings(Settings.parse(engine.settings.describe() | changes))


def process(engine: Engine, *columns: NDArray[Any], **more: Any) -> NDArray[np.float64]:
    return engine.process(KEYS, np.hstack([np.empty((N, 0)), *columns]), Y, TIMES, **more)


def assert_same(found: Engine, expected: Engine, *, rtol: float = 0.0, without: set[str] | None = None) -> None:
    """Check that engines remember the same, -0 being 0."""
    expects = arrays(expected)
    assert arrays(found).keys() == expects.keys()
    for name, array in arrays(found).items():
        if name not in (without or set()):
            np.testing.assert_allclose(array, expects[name], rtol, rtol, err_msg=name)


def law(*, rtol: float = 0.0, **changes: Any) -> None:
    """Check that growing late is as having had the new inputs unseen: all but how many were missing."""
    more, old = (*changes["inputs"], "b", "c"), [A] * len(changes["inputs"])
    late, early = engine_of(**changes), engine_of(**changes)
    for each in (late, early):
        process(each, *old)  # streams have appeared: what those that come later begin with is drawn for all inputs
    early = grown(early, inputs=more)
    process(late, *old)
    process(early, *old, UNSEEN, UNSEEN)
    unaware, late = late, grown(late, inputs=more)
    assert_same(late, early, rtol=rtol, without={"counts"})
    found, expected = (process(each, *old, B, UNSEEN) for each in (late, early))
    np.testing.assert_allclose(found, expected, rtol, rtol)
    assert_same(late, early, rtol=rtol, without={"counts"})
    assert np.abs(found - process(unaware, *old)).max() > 1e-3  # what is new is learned from


@NETWORKS
def test_growing_is_as_having_had_the_new_inputs_unseen(layers: str) -> None:
    rtol = 1e-4 if "none" in layers else 0.0  # a sum over all columns is rounded otherwise
    derived = {} if "conv" in layers else {"differences": True, "elapsed": True}
    law(**changes_of(layers, **derived), rtol=rtol)


@NETWORKS
def test_the_same_holds_of_growing_from_no_input_at_all(layers: str) -> None:
    law(**changes_of(layers, inputs=()), rtol=1e-4 if "none" in layers else 0.0)


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
        {"skip": True, "readout": "rls", "rls_forgetting": 1.0, "head": "per_stream"},
        {"skip": True, "readout": "rls", "rls_forgetting": 1.0, "weights": "per_stream"},
        {"half_life": 3600.0},
        {"optimizer": "sgd"},
    ],
    ids=str,
)
def test_the_same_holds_whatever_else_is_set(changes: dict[str, Any]) -> None:
    close = "skip" in changes or "lags" in changes  # where sums over columns are rounded otherwise
    law(**changes_of("gru", dtype="float32", **changes), rtol=1e-3 if close else 0.0)


@NETWORKS
def test_growing_twice_is_growing_once(layers: str) -> None:
    engine = engine_of(**changes_of(layers, missing_flags=True, skip=True))
    process(engine, A)
    twice = grown(grown(engine, inputs=("a", "b")), inputs=("a", "b", "c"))
    assert bits(twice) == bits(grown(engine, inputs=("a", "b", "c")))


@NETWORKS
def test_what_was_forecast_stays_to_the_bit_and_the_old_engine_is_left_alone(layers: str) -> None:
    engine = engine_of(**changes_of(layers, missing_flags=True))
    process(engine, A)
    before = bits(engine)
    taller = grown(engine, inputs=("a", "b"))
    assert taller.predict("a").tobytes() == engine.predict("a").tobytes()
    np.testing.assert_allclose(taller.predict("a", [0.3, 7.0]), engine.predict("a", [0.3]), 1e-6)  # no effect yet
    assert taller.counts == engine.counts
    process(taller, A, B)
    assert bits(engine) == before


def test_a_missing_flag_of_a_new_input_has_no_effect_before_it_is_learned() -> None:
    engine = engine_of(**changes_of("gru", missing_flags=True))
    process(engine, A)
    taller = grown(engine, inputs=("a", "b"))
    known, unknown = taller.predict("a", {"a": 1.0, "b": 2.0}), taller.predict("a", {"a": 1.0})
    assert known.tobytes() == unknown.tobytes()


def test_a_new_input_is_learned() -> None:
    rng = np.random.default_rng(3)
    seen, told = rng.normal(size=(2, 1000, 1))
    engine = engine_of(**changes_of("gru", hidden=6, learning_rate=0.02))
    engine.process("s", seen, told)
    made = grown(engine, inputs=("a", "b")).process("s", np.hstack([seen, told]), told)
    alone = engine.process("s", seen, told)
    assert np.abs(made - told)[500:].mean() < 0.3 * np.abs(alone - told)[500:].mean()


@pytest.mark.parametrize("layers", ["gru", "lstm", "elstm", "columnar_gru"])
def test_a_new_input_is_learned_where_the_old_ones_told_nothing(layers: str) -> None:
    engine = engine_of(**changes_of(layers, learning_rate=0.05))
    engine.process("s", UNSEEN, Y)
    taller = grown(engine, inputs=("a", "b"))
    assert taller.predict("s", [NAN, 7.0]).tobytes() == engine.predict("s", [NAN]).tobytes()
    made, alone = taller.process("s", np.hstack([UNSEEN, Y]), Y), engine.process("s", UNSEEN, Y)
    assert np.abs(made - Y)[N // 2 :].mean() < 0.7 * np.abs(alone - Y)[N // 2 :].mean()


def test_streams_that_come_later_have_the_new_inputs_too() -> None:
    engine = grown(engine_of(**changes_of("gru", weights="per_stream")), inputs=("a", "b"))
    other = grown(engine_of(**changes_of("gru", weights="per_stream")), inputs=("a", "b"))
    process(engine, A, B)
    found = engine.process("new", np.hstack([A, B]), Y)
    assert found.tobytes() == other.process("new", np.hstack([A, B]), Y).tobytes()


def test_evictions_and_recency_go_on() -> None:
    engine = engine_of(**changes_of("gru", max_streams=2))
    engine.process(["a", "b", "c", "b"], A[:4], Y[:4])
    taller = grown(engine, inputs=("a", "b"))
    assert (taller.evictions, taller.keys) == (1, engine.keys)
    taller.step("d", [1.0, 2.0])
    assert sorted(taller.keys) == ["b", "d"]


def test_an_engine_that_has_grown_is_saved_as_any(tmp_path: Path) -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    taller = grown(engine, inputs=("a", "b"))
    process(taller, A, B)
    taller.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine", settings=taller.settings)
    assert process(loaded, A, B).tobytes() == process(taller, A, B).tobytes()
    assert bits(loaded) == bits(taller)


def test_forecasts_of_named_targets_go_on_with_more_inputs() -> None:
    engine = engine_of(inputs=("x",), horizon=3, reversion=True)
    engine.process("s", A)
    taller = grown(engine, inputs=("x", "b"), targets=("x",))
    assert taller.predict("s").tobytes() == engine.predict("s").tobytes()
    made = taller.process("s", np.hstack([B, UNSEEN]))
    np.testing.assert_allclose(made[0], engine.process("s", B)[0], 1e-6)


# Targets and classes.


def test_new_targets_are_as_if_never_seen() -> None:
    changes = changes_of("gru", update_every=3)
    engine, early = engine_of(**changes), engine_of(**changes | {"targets": ("y", "z")})
    engine.process("s", A[:2], Y[:2])  # before the first update: errors wait
    early.process("s", A[:2], np.hstack([Y[:2], UNSEEN[:2]]))
    late = grown(engine, targets=("y", "z"))
    assert np.abs(stream(late, "errors")).max() > 0
    assert_same(late, early, without={"counts", "base"})  # what is beyond the sequence's length is of no account
    both = np.hstack([Y[2:], B[2:]])
    assert late.process("s", A[2:], both).tobytes() == early.process("s", A[2:], both).tobytes()


@pytest.mark.parametrize("readout", ["gradient", "rls"])
def test_a_new_target_is_learned_and_the_old_one_kept(readout: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 1))
    engine = engine_of(**changes_of("gru", readout=readout, skip=True, learning_rate=0.01))
    engine.process("s", x, 2 * x)
    more = grown(engine, targets=("y", "z"))
    assert more.predict("s")[0] == engine.predict("s")[0]
    assert more.predict("s")[1] == 0
    old, new = np.abs(more.process("s", x, np.hstack([2 * x, -x])) - np.hstack([2 * x, -x])).T
    assert old[:100].mean() < 0.3 * np.abs(2 * x).mean()
    soon = slice(50, 100) if readout == "rls" else slice(300, 400)
    assert new[soon].mean() < 0.3 * np.abs(x).mean()


def test_intervals_and_scores_go_on_with_more_targets() -> None:
    engine = engine_of(**changes_of("gru", interval=0.9, anomaly=True))
    engine.process("s", A, Y)
    more = grown(engine, targets=("y", "z"))
    assert more.interval("s")[0].tobytes() == engine.interval("s")[0].tobytes()
    assert np.isnan(more.interval("s")[1]).all()
    assert more.anomaly("s") == engine.anomaly("s")
    known = len(stream(engine, "surprise"))
    np.testing.assert_array_equal(stream(more, "surprise")[:known], stream(engine, "surprise"))
    assert not stream(more, "surprise")[known:].any()
    taken = more.process_detailed("s", A, np.hstack([Y, B]))
    assert np.isfinite(taken.intervals[-1]).all()


def test_a_new_binary_target_begins_undecided() -> None:
    engine = engine_of(**changes_of("gru", task="classification"))
    engine.process("s", A, np.zeros((N, 1)))
    more = grown(engine, targets=("y", "z"))
    assert more.predict("s")[0] == engine.predict("s")[0] < 0.4
    assert more.predict("s")[1] == more.predict("s", [0.1])[1] == 0.5


def test_a_new_class_begins_as_unlikely_as_the_least_likely_bias_and_is_learned() -> None:
    engine = engine_of(**changes_of("gru", task="classification", classes=2, loss="softmax"))
    engine.process("s", A, np.arange(N)[:, np.newaxis] % 4 == 0)
    more = grown(engine, classes=3)
    old, new = engine.predict("s", [0.1]), more.predict("s", [0.1])
    assert more.predict("s").tolist() == [*engine.predict("s"), 0.0]
    np.testing.assert_allclose(new[:2] / new[:2].sum(), old, 1e-6)
    c = engine.parameters["c"]
    assert more.parameters["c"].tolist() == [*c, min(c)]
    assert not more.parameters["V"][2].any()
    more.process("s", np.tile(A, (5, 1)), np.full((5 * N, 1), 2.0))
    assert more.predict("s", [0.1]).argmax() == 2


def test_inputs_targets_and_a_rate_may_change_at_once() -> None:
    engine = engine_of(**changes_of("gru", skip=True))
    process(engine, A)
    at_once = grown(engine, inputs=("a", "b"), targets=("y", "z"), learning_rate=0.001)
    in_turn = grown(grown(grown(engine, targets=("y", "z")), learning_rate=0.001), inputs=("a", "b"))
    assert bits(at_once) == bits(in_turn)
    assert at_once.settings == in_turn.settings


@pytest.mark.parametrize("task", ["regression", "classification", "forecast"])
@pytest.mark.parametrize("layers", ["gru", "lru", "columnar_gru", "none", "conv"])
def test_an_engine_without_inputs_forecasts_and_learns(task: str, layers: str) -> None:
    engine = engine_of(**changes_of(layers, task=task, inputs=(), init_input="he", learning_rate=0.1))
    for _ in range(200):
        made = engine.step("s", {}, 1.0)
    assert abs(float(made.ravel()[0]) - 1) < 0.3
    many = engine.process("s", np.empty((5, 0)), np.ones((5, 1)))
    assert np.isfinite(many).all()
    assert engine.predict("s", {}).tobytes() == grown(engine, inputs=("a",)).predict("s", [3.0]).tobytes()


# What may change.

OTHERS: dict[str, Any] = {
    "learning_rate": 0.5,
    "momentum": 0.5,
    "nesterov": True,
    "clip": "off",
    "clip_limit": 0.1,
    "l1": 0.1,
    "l2": 0.1,
    "vanishing": 0.1,
    "weight_decay": 0.1,
    "huber_delta": 0.2,
    "scaling_forgetting": 0.5,
    "outlier": 2.0,
    "rls_forgetting": 0.5,
    "rls_ridge": 7.0,
    "reset_after": 100.0,
    "drift_threshold": 3.0,
    "drift_delta": 0.1,
    "drift_boost": 3.0,
    "drift_events": 7,
}
"""Other values of those that may."""

KEPT: dict[str, Any] = {
    "task": "classification",
    "horizon": 2,
    "layer": ("gru",),
    "hidden": (4,),
    "activation": "relu",
    "vocabulary": 7,
    "kernel": 2,
    "lookahead": 1,
    "spectral_radius": 0.5,
    "density": 0.5,
    "input_scaling": 0.5,
    "leak": 0.5,
    "readout": "rls",
    "skip": True,
    "init_input": "he",
    "init_recurrent": "glorot",
    "forget_bias": 0.5,
    "update_bias": 0.5,
    "seed": 2,
    "window": 4,
    "update_every": 1,
    "loss": "huber",
    "quantiles": (0.5,),
    "optimizer": "sgd",
    "scale_inputs": False,
    "scale_targets": False,
    "residual": False,
    "reversion": True,
    "missing_flags": True,
    "differences": True,
    "lags": (1,),
    "calendar": ("day",),
    "harmonics": 1,
    "elapsed": True,
    "interval": 0.5,
    "anomaly": True,
    "drift": "report",
    "drift_scope": "all",
    "weights": "per_stream",
    "head": "per_stream",
    "max_streams": 3,
    "half_life": 7.0,
    "dtype": "float64",
}
"""Other values of those that may not."""

TOGETHER: dict[str, dict[str, Any]] = {
    "horizon": {"task": "forecast"},
    "lookahead": {"layer": ("bigru",), "lookahead": 2},
    "reversion": {"task": "forecast"},
}
"""What else has to be set for a value to be allowed at all."""


def test_of_every_setting_it_is_said_whether_it_may_change() -> None:
    assert OTHERS.keys() == FREE
    assert KEPT.keys() == {*Settings.__struct_fields__} - FREE - {*GROWING}


@pytest.mark.parametrize("name", OTHERS)
def test_a_setting_that_no_array_depends_on_may_change(name: str) -> None:
    engine = engine_of(**changes_of("rnn", optimizer="sgd"))
    process(engine, A)
    other = grown(engine, **{name: OTHERS[name]})
    assert getattr(other.settings, name) == OTHERS[name]
    assert bits(other) == bits(engine)
    assert np.isfinite(process(other, A)).all()


def test_a_new_learning_rate_is_learned_by() -> None:
    engine = engine_of(**changes_of("rnn", optimizer="sgd"))
    process(engine, A)
    assert process(grown(engine, learning_rate=0.5), A).tobytes() != process(engine, A).tobytes()


@pytest.mark.parametrize("name", KEPT)
def test_a_setting_that_numbers_mean_something_by_must_stay(name: str) -> None:
    engine = engine_of(**changes_of("rnn", **TOGETHER.get(name, {})))
    changed = Settings.parse(engine.settings.describe() | {name: KEPT[name]})
    with pytest.raises(SettingError, match=rf"^{name} must stay .*, got ") as caught:
        engine.with_settings(changed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"inputs": ("a", "b")}, {"inputs": ("a",)}, "inputs must begin with a, b, got a"),
        ({"inputs": ("a", "b")}, {"inputs": ("b", "a")}, "inputs must begin with a, b, got b, a"),
        ({"inputs": ("a",)}, {"inputs": ("b", "a")}, "inputs must begin with a, got b, a"),
        ({"targets": ("y", "z")}, {"targets": ("y",)}, "targets must begin with y, z, got y"),
        ({"task": "forecast"}, {"targets": ("y", "z")}, "targets of forecasts must stay y, got y, z"),
        (
            {"task": "forecast", "targets": (), "inputs": ("a",)},
            {"inputs": ("a", "b")},
            "targets of forecasts must stay a, got a, b",
        ),
        (
            {"task": "classification", "classes": 3},
            {"classes": 2, "loss": "softmax"},
            "classes must stay 3, or become more where loss was softmax, got 2",
        ),
        (
            {"task": "classification"},
            {"classes": 3},
            "classes must stay 2, or become more where loss was softmax, got 3",
        ),
        (
            {"task": "forecast", "loss": "softmax"},
            {"classes": 3},
            "classes must stay 2, or become more where loss was softmax, got 3",
        ),
        (
            {"layer": "reservoir"},
            {"inputs": ("a", "b")},
            "inputs must stay as they are under layer reservoir, got a, b",
        ),
        (
            {"layer": "bigru", "lookahead": 2},
            {"inputs": ("a", "b")},
            "inputs must stay as they are under layer bigru, got a, b",
        ),
    ],
)
def test_what_cannot_grow_is_refused(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    engine = engine_of(**changes_of("gru") | before)
    with pytest.raises(SettingError) as caught:
        grown(engine, **after)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"inputs": ()}, "inputs must name at least one column where no targets are named, got none"),
        (
            {"inputs": (), "targets": "y", "task": "regression", "layer": "bigru", "lookahead": 2},
            "bigru must have at least one input, got none",
        ),
    ],
)
def test_inputs_are_needed_where_nothing_else_would_be_seen(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings(**changes)
    assert str(caught.value) == said


# Copies.


def pickled(engine: Engine) -> Engine:
    found: Engine = pickle.loads(pickle.dumps(engine))  # noqa: S301 - our own
    return found


COPIES = pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])


@COPIES
@pytest.mark.parametrize(
    "changes",
    [{}, {"weights": "per_stream", "max_streams": 2}, {"readout": "rls", "skip": True, "interval": 0.9}],
    ids=str,
)
def test_a_copy_goes_on_bit_for_bit(copied: Any, changes: dict[str, Any]) -> None:
    engine = engine_of(**changes_of("gru", **changes))
    process(engine, A)
    other = copied(engine)
    assert bits(other) == bits(engine)
    assert other.settings == engine.settings
    assert process(other, B).tobytes() == process(engine, B).tobytes()
    assert bits(other) == bits(engine)


@COPIES
def test_what_a_copy_learns_the_engine_does_not(copied: Any) -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    before = bits(engine)
    other = copied(engine)
    process(other, B)
    other.reset("a")
    other.step("new", [1.0])
    assert bits(engine) == before


@COPIES
def test_a_copy_has_the_tokens(copied: Any) -> None:
    engine = tokens_engine()
    engine.step("s", "a")
    other = copied(engine)
    assert other.step("s", "b").tobytes() == engine.step("s", "b").tobytes()
    assert bits(other) == bits(engine)


def test_a_copy_knows_of_a_drift_what_the_engine_knows() -> None:
    engine = engine_of(**changes_of("gru", drift="report", drift_threshold=3.0))
    process(engine, A)
    other = pickled(engine)
    assert engine.process_detailed("a", A, 9 * Y).drifts == other.process_detailed("a", A, 9 * Y).drifts != []


def test_pickles_of_an_engine_that_took_no_event_between_are_the_same_bytes() -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    first = pickle.dumps(engine)
    engine.predict("a", [0.5])
    assert pickle.dumps(engine) == first


def test_a_pickle_is_as_small_as_the_arrays() -> None:
    engine = engine_of(**changes_of("gru"))
    process(engine, A)
    assert len(pickle.dumps(engine)) < sum(array.nbytes for array in arrays(engine).values()) + 5000


@pytest.mark.parametrize(
    "key", ["ключ", 5, 1.5, True, None, ("a", 1), frozenset({1, 2}), b"x", datetime(2024, 1, 1, tzinfo=UTC)], ids=str
)
def test_any_key_survives_a_copy(key: Any) -> None:
    engine = engine_of(**changes_of("gru"))
    engine.step(key, [1.0], 2.0)
    for copied in (pickled, copy.deepcopy):
        other = copied(engine)
        assert other.keys == [key]
        assert other.events(key) == 1
