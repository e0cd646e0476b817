"""The weight of an event is the factor of its targets' losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import bits, engine_of, series, weights

from stream_rnn import DataError, Race

N = 300
X, Y = series(N), series(N, seed=1)
LABELS: dict[str, Any] = {"task": "regression", "targets": ("y",), "inputs": ("x",)}
LEAST_SQUARES = {"readout": "rls", "rls_forgetting": 1.0, "rls_ridge": 1e-6, "skip": True, "layer": "none"}
KINDS: list[dict[str, Any]] = [
    {"inputs": ("x",)},
    LABELS,
    LABELS | {"readout": "rls", "skip": True},
    {"inputs": ("x",), "horizon": 3, "readout": "rls", "skip": True},
    LABELS | {"update_every": 4},
    {"inputs": ("x",), "weights": "per_stream"},
]
KIND = pytest.mark.parametrize("changes", KINDS, ids=str)


def targets_of(changes: dict[str, Any]) -> np.ndarray | None:
    return Y if "targets" in changes else None


@KIND
def test_weights_of_one_are_as_no_weights(changes: dict[str, Any]) -> None:
    plain, weighted = (engine_of(**changes) for _ in range(2))
    y = targets_of(changes)
    expected = plain.process("s", X, y)
    np.testing.assert_array_equal(weighted.process("s", X, y, w=np.ones(N)), expected)
    assert bits(weighted) == bits(plain)


@pytest.mark.parametrize("changes", [kind for kind in KINDS if "update_every" not in kind], ids=str)
def test_steps_are_as_batches(changes: dict[str, Any]) -> None:
    one, many = (engine_of(**changes) for _ in range(2))
    y, w = targets_of(changes), np.random.default_rng(0).integers(0, 4, N) / 2
    expected = many.process(["a", "b", "a"] * (N // 3), X, y, w=w)
    keys = ["a", "b", "a"] * (N // 3)
    steps = [one.step(keys[i], X[i], None if y is None else y[i], w=float(w[i])) for i in range(N)]
    np.testing.assert_array_equal(np.array(steps), expected)
    assert bits(one) == bits(many)


def test_nothing_is_learned_from_the_targets_of_an_event_of_weight_zero() -> None:
    engine = engine_of(**LABELS)
    engine.process("s", X, Y)
    before, updates = weights(engine).copy(), engine.counts.updates
    engine.process("s", X, 100 * Y, w=np.zeros(N))
    np.testing.assert_array_equal(weights(engine), before)
    assert engine.counts.updates == updates


def test_least_squares_of_an_event_of_weight_two_are_those_of_two_events() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 1))
    y = 2 * x + 1 + 0.5 * rng.normal(size=(60, 1))
    settings = LABELS | LEAST_SQUARES | {"scale_inputs": False, "scale_targets": False, "missing_flags": False}
    weighted = engine_of(**settings | {"dtype": "float64"})
    w = np.where(np.arange(60) % 3 == 0, 2.0, 1.0)
    weighted.process("s", x, y, w=w)
    F = np.hstack([x, x, np.ones_like(x)])  # the layer none passes the input on, and skip adds it
    p = weighted.parameters
    found = np.append(p["V"].sum(), p["c"])
    slope, offset = np.linalg.lstsq(F[:, 1:] * np.sqrt(w)[:, None], y[:, 0] * np.sqrt(w), rcond=None)[0]
    np.testing.assert_allclose(found, [slope, offset], rtol=0.02)


def test_a_weight_multiplies_the_gradient_of_the_event() -> None:
    plain = LABELS | {"clip": "off", "optimizer": "sgd", "momentum": 0.0, "learning_rate": 1e-3}
    light, heavy = engine_of(**plain), engine_of(**plain)
    for engine in (light, heavy):
        engine.process("s", X, Y)
    before = weights(light).copy()
    light.step("s", [0.5], 2.0)
    heavy.step("s", [0.5], 2.0, w=3.0)
    np.testing.assert_allclose(weights(heavy) - before, 3 * (weights(light) - before), atol=1e-6)
    assert np.abs(weights(light) - before).max() > 1e-4


@pytest.mark.parametrize(
    ("w", "message"),
    [
        (-1.0, "w must be finite and at least 0, got -1 in event 0"),
        (float("nan"), "w must be finite and at least 0, got nan in event 0"),
        (float("inf"), "w must be finite and at least 0, got inf in event 0"),
        ("2", "w must be numbers of shape (N,), got <U1 of shape (1,)"),
        (None, "w must be finite and at least 0, got nan in event 0"),
    ],
)
def test_other_weights_are_refused(w: Any, message: str) -> None:
    engine = engine_of(**LABELS)
    with pytest.raises(DataError) as caught:
        engine.step("s", [1.0], 1.0, w=w)
    assert str(caught.value) == message
    assert engine.counts.events == 0
    engine.step("s", [1.0], 1.0)


def test_as_many_weights_as_events_are_needed() -> None:
    with pytest.raises(DataError, match=r"w must be as long as X \(3 rows\), got 2"):
        engine_of(**LABELS).process("s", X[:3], Y[:3], w=[1, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": "bigru", "lookahead": 2}, "w is not for bidirectional layers"),
        ({"readout": "rls", "skip": True, "update_every": 2}, "w needs update_every 1 with readout rls, got 2"),
    ],
)
def test_settings_that_do_not_know_the_weight_of_each_event_refuse_weights(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        engine_of(**LABELS | changes).step("s", [1.0], 1.0, w=2.0)


def test_the_members_of_a_race_learn_with_the_weights() -> None:
    plain, weighted = (Race.preset("auto", inputs="x") for _ in range(2))
    w = np.where(np.arange(N) % 2, 5.0, 1.0)
    assert not np.array_equal(plain.process("s", X), weighted.process("s", X, w=w))
    steps = Race.preset("auto", inputs="x")
    found = [steps.step("s", X[i], w=float(w[i])) for i in range(N)]
    again = Race.preset("auto", inputs="x")
    np.testing.assert_array_equal(np.array(found), again.process("s", X, w=w))
