"""Engines learn: with a fixed seed, by a margin, compared to a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from probe import FORECASTING
from support import engine_of

RECURRENT = [layer for layer in FORECASTING if layer not in {"dense", "none", "conv", "embedding"}]
ADJUSTED: dict[str, dict[str, Any]] = {
    "reservoir": {"hidden": 50, "input_scaling": 0.3, "leak": 1.0, "learning_rate": 0.005}
}
"""Settings that a layer needs besides those of a claim: a layer that is not learned has to be larger."""
COLUMNS = ("elstm", "columnar_gru", "mingru")
"""Layers whose units are fed back only to themselves: they keep fading sums of the past, but not its order."""


def error(engine: Any, x: Any, y: Any = None, last: int = 1000) -> float:
    """Return the mean squared error of the last forecasts, which were made before their targets were known."""
    forecasts = engine.process("s", x, y).reshape(len(x), -1)[:, :1]
    errors = forecasts - y if y is not None else forecasts[:-1] - x[1:]
    return float(np.mean(errors[-last:] ** 2))


def sine(length: int = 4000) -> Any:
    return np.sin(np.arange(length) / 5)[:, np.newaxis]


def persistence(x: Any) -> float:
    return float(np.mean(np.diff(x, axis=0) ** 2))


@pytest.mark.parametrize("layer", [*(layer for layer in RECURRENT if layer != "mingru"), "conv"])
def test_a_sine_is_forecast_much_better_than_by_the_last_value(layer: str) -> None:
    engine = engine_of(**({"layer": layer, "hidden": 8} | ADJUSTED.get(layer, {})))
    assert error(engine, sine()) < 0.05 * persistence(sine())


def test_a_mingru_forecasts_a_sine_worse_since_its_gates_do_not_see_its_state() -> None:
    assert 0.05 < error(engine_of(layer="mingru", hidden=8), sine()) / persistence(sine()) < 0.2


def test_a_linear_model_of_the_last_two_values_forecasts_a_sine() -> None:
    x = sine()[:, 0]
    X = np.column_stack([x[1:], x[:-1]])
    engine = engine_of(inputs=("x", "before"), targets=("x",), layer="none", readout="rls", missing_flags=False)
    forecasts = engine.process("s", X)[:-1, 0]
    assert np.mean((forecasts - X[1:, :1])[-1000:] ** 2) < 1e-3 * persistence(sine())


def test_a_dense_layer_cannot_distinguish_a_rising_sine_from_a_falling_one() -> None:
    assert error(engine_of(layer="dense", hidden=8), sine()) > 0.9 * persistence(sine())


def echo(delay: int, length: int = 20_000) -> tuple[Any, Any]:
    """Return random signs, and as labels the signs of `delay` events before."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (length, 1))
    return x, np.roll(x, delay, axis=0)


def echo_error(**changes: Any) -> float:
    x, y = echo(5)
    base = {"targets": ("y",), "task": "regression", "hidden": 16, "window": 8, "update_every": 8}
    return error(engine_of(**({"learning_rate": 0.005} | base | changes)), x, y)


@pytest.mark.parametrize("layer", [layer for layer in RECURRENT if layer not in COLUMNS])
def test_a_recurrent_layer_remembers_the_input_of_five_events_before(layer: str) -> None:
    slow = {"learning_rate": 0.02} if layer == "slstm" else {}
    assert echo_error(layer=layer, **ADJUSTED.get(layer, slow)) < 0.1


def test_a_convolution_remembers_the_events_of_its_kernel_and_no_others() -> None:
    assert echo_error(layer="conv", kernel=6) < 0.1
    assert echo_error(layer="conv", kernel=5) > 0.9


def test_a_dense_layer_remembers_nothing() -> None:
    assert echo_error(layer="dense") > 0.9


def test_a_delay_longer_than_the_window_is_not_learned() -> None:
    assert echo_error(window=2, update_every=2) > 0.9


def test_a_layer_that_carries_sensitivities_learns_a_delay_longer_than_the_window() -> None:
    assert echo_error(layer="lru", window=1, update_every=1) < 0.1


@pytest.mark.parametrize("layer", [*COLUMNS, "lru"])
def test_a_fading_sum_of_the_past_is_learned_without_a_window(layer: str) -> None:
    x, _ = echo(0)
    y = np.zeros_like(x)
    for t in range(1, len(x)):
        y[t] = 0.95 * y[t - 1] + 0.05 * x[t]
    change = {"hidden": 16, "window": 1, "update_every": 1, "learning_rate": 0.005}
    assert error(engine_of(layer=layer, targets=("y",), task="regression", **change), x, y) < 0.1 * y.var()


@pytest.mark.parametrize("horizon", [1, 4])
def test_every_horizon_is_learned(horizon: int) -> None:
    x = sine()
    forecasts = engine_of(hidden=8, horizon=horizon).process("s", x)[:, :, 0]
    for ahead in range(1, horizon + 1):
        squared = np.mean((forecasts[:-ahead, ahead - 1] - x[ahead:, 0])[-1000:] ** 2)
        assert squared < 0.05 * np.mean((x[ahead:] - x[:-ahead]) ** 2)


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
        forecasts = engine.process("s", x, (y + 1) / 2)
        most_likely = forecasts[:, 0] > 0.5 if classes == 2 else forecasts.argmax(axis=1)
        assert np.mean(most_likely[-1000:] == (y[-1000:, 0] > 0)) > 0.95


def test_streams_with_shared_weights_learn_from_each_other() -> None:
    x = np.sin(np.arange(400) / 5)
    keys = [f"s{k}" for _ in range(400) for k in range(20)]
    X = np.column_stack([np.roll(x, 3 * k) for k in range(20)]).reshape(-1, 1)
    errors: dict[str, list[float]] = {"shared": [], "per_stream": []}
    for kind, found in errors.items():
        for seed in range(5):
            engine = engine_of(weights=kind, hidden=8, learning_rate=0.003, seed=seed)
            forecasts = engine.process(keys, X).reshape(400, 20)
            found.append(np.mean((forecasts[:-1] - X.reshape(400, 20)[1:])[-100:] ** 2))
    assert np.median(errors["shared"]) < 0.75 * np.median(errors["per_stream"])


@pytest.mark.parametrize("horizon", [1, 6])
def test_learning_from_many_interleaved_streams_does_not_overshoot(horizon: int) -> None:
    streams, events = 100, 400
    t, phase = np.arange(events)[:, np.newaxis], np.arange(streams)
    x = np.sin(2 * np.pi * t / (20 + phase % 7) + phase)
    engine = engine_of(hidden=8, horizon=horizon, scale_inputs=True, learning_rate=0.001)
    forecasts = engine.process(np.tile(np.arange(streams), events), x.ravel())[:, -1, 0].reshape(x.shape)
    error = np.abs(forecasts[:-horizon] - x[horizon:])[events // 2 :].mean()
    assert error < 0.5 * np.abs(x[:-horizon] - x[horizon:])[events // 2 :].mean()
