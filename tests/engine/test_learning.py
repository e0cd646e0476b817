"""Learning happens: seeded, with a margin, and beside a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from probe import FORECASTING
from support import engine_of

RECURRENT = [layer for layer in FORECASTING if layer not in {"dense", "none", "conv", "embedding"}]
SUITED: dict[str, dict[str, Any]] = {"reservoir": {"hidden": 50, "input_scaling": 0.3, "learning_rate": 0.005}}
"""What a layer asks for beside the claim's settings: one that does not learn has to be larger."""
COLUMNS = ("elstm", "columnar_gru")
"""Layers of units that see themselves alone, each a number that fades: they keep sums of the past, but no order."""


def error(engine: Any, x: Any, y: Any = None, last: int = 1000) -> float:
    """Return the mean squared error over the last events of forecasts made before their targets were seen."""
    made = engine.process("s", x, y).reshape(len(x), -1)[:, :1]
    found = made - y if y is not None else made[:-1] - x[1:]
    return float(np.mean(found[-last:] ** 2))


def sine(length: int = 4000) -> Any:
    return np.sin(np.arange(length) / 5)[:, np.newaxis]


def persistence(x: Any) -> float:
    return float(np.mean(np.diff(x, axis=0) ** 2))


@pytest.mark.parametrize("layer", [*RECURRENT, "conv"])
def test_a_sine_is_forecast_far_better_than_by_the_last_value(layer: str) -> None:
    engine = engine_of(**({"layer": layer, "hidden": 8} | SUITED.get(layer, {})))
    assert error(engine, sine()) < 0.05 * persistence(sine())


def test_a_linear_model_of_the_last_two_values_is_all_that_a_sine_takes() -> None:
    x = sine()[:, 0]
    X = np.column_stack([x[1:], x[:-1]])
    engine = engine_of(inputs=("x", "before"), targets=("x",), layer="none", readout="rls", missing_flags=False)
    made = engine.process("s", X)[:-1, 0]
    assert np.mean((made - X[1:, :1])[-1000:] ** 2) < 1e-3 * persistence(sine())


def test_a_dense_layer_cannot_tell_a_rising_sine_from_a_falling_one() -> None:
    assert error(engine_of(layer="dense", hidden=8), sine()) > 0.9 * persistence(sine())


def echo(delay: int, length: int = 20_000) -> tuple[Any, Any]:
    """Return random signs, and as labels the signs of some events ago."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (length, 1))
    return x, np.roll(x, delay, axis=0)


def remembered(**changes: Any) -> float:
    x, y = echo(5)
    base = {"targets": ("y",), "task": "regression", "hidden": 16, "window": 8, "update_every": 8}
    return error(engine_of(**({"learning_rate": 0.005} | base | changes)), x, y)


@pytest.mark.parametrize("layer", [layer for layer in RECURRENT if layer not in COLUMNS])
def test_a_recurrent_layer_remembers_what_was_five_events_ago(layer: str) -> None:
    assert remembered(layer=layer, **SUITED.get(layer, {})) < 0.1


def test_a_convolution_remembers_what_its_kernel_reaches_and_nothing_else() -> None:
    assert remembered(layer="conv", kernel=6) < 0.1
    assert remembered(layer="conv", kernel=5) > 0.9


def test_a_dense_layer_remembers_nothing() -> None:
    assert remembered(layer="dense") > 0.9


def test_a_window_shorter_than_the_delay_does_not_find_it() -> None:
    assert remembered(window=2, update_every=2) > 0.9


def test_a_layer_that_carries_sensitivities_forward_needs_no_window() -> None:
    assert remembered(layer="lru", window=1, update_every=1) < 0.1


@pytest.mark.parametrize("layer", [*COLUMNS, "lru"])
def test_a_fading_sum_of_the_past_is_learned_without_a_window(layer: str) -> None:
    x, _ = echo(0)
    y = np.zeros_like(x)
    for t in range(1, len(x)):
        y[t] = 0.95 * y[t - 1] + 0.05 * x[t]
    change = {"hidden": 16, "window": 1, "update_every": 1, "learning_rate": 0.005}
    assert error(engine_of(layer=layer, targets=("y",), task="regression", **change), x, y) < 0.05 * y.var()


@pytest.mark.parametrize("horizon", [1, 4])
def test_every_horizon_is_learned(horizon: int) -> None:
    x = sine()
    made = engine_of(hidden=8, horizon=horizon).process("s", x)[:, :, 0]
    for ahead in range(1, horizon + 1):
        found = np.mean((made[:-ahead, ahead - 1] - x[ahead:, 0])[-1000:] ** 2)
        assert found < 0.05 * np.mean((x[ahead:] - x[:-ahead]) ** 2)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_every_optimizer_learns(optimizer: str) -> None:
    x = sine(6000)
    assert error(engine_of(hidden=8, optimizer=optimizer), x) < 0.05 * persistence(x)


def test_classes_are_learned() -> None:
    x, y = echo(2)
    for classes in (2, 3):  # logistic, softmax
        engine = engine_of(
            targets=("y",), task="classification", classes=classes, hidden=8, window=6, learning_rate=0.01
        )
        made = engine.process("s", x, (y + 1) / 2)
        likeliest = made[:, 0] > 0.5 if classes == 2 else made.argmax(axis=1)
        assert np.mean(likeliest[-1000:] == (y[-1000:, 0] > 0)) > 0.95


def test_streams_learn_from_each_other_where_weights_are_shared() -> None:
    x = np.sin(np.arange(400) / 5)
    keys = [f"s{k}" for _ in range(400) for k in range(20)]
    X = np.column_stack([np.roll(x, 3 * k) for k in range(20)]).reshape(-1, 1)
    errors = {}
    for kind in ("shared", "per_stream"):
        engine = engine_of(weights=kind, hidden=8, learning_rate=0.003)
        made = engine.process(keys, X).reshape(400, 20)
        errors[kind] = np.mean((made[:-1] - X.reshape(400, 20)[1:])[-100:] ** 2)
    assert errors["shared"] < 0.5 * errors["per_stream"]


@pytest.mark.parametrize("horizon", [1, 6])
def test_many_streams_that_take_turns_do_not_overshoot(horizon: int) -> None:
    streams, events = 100, 400
    t, phase = np.arange(events)[:, np.newaxis], np.arange(streams)
    x = np.sin(2 * np.pi * t / (20 + phase % 7) + phase)
    engine = engine_of(hidden=8, horizon=horizon, scale_inputs=True, learning_rate=0.001)
    made = engine.process(np.tile(np.arange(streams), events), x.ravel())[:, -1, 0].reshape(x.shape)
    error = np.abs(made[:-horizon] - x[horizon:])[events // 2 :].mean()
    assert error < 0.5 * np.abs(x[:-horizon] - x[horizon:])[events // 2 :].mean()
