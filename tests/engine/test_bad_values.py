"""Missing, constant and extreme values: how they are treated, and that every number stays finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from probe import FORECASTING, NUMERIC
from support import NAN, all_finite, bits, engine_of, network_input, series, settings, stream_row, weights

from stream_rnn.losses import LOSSES

N = 60
RNG = np.random.default_rng(0)
WALK = RNG.normal(size=(N, 2)).cumsum(axis=0)


def with_outliers(value: float) -> Any:
    """Return the walk with this value at every seventh event."""
    return np.where((np.arange(N) % 7 == 3)[:, None], value, WALK)


VALUES: dict[str, Any] = {
    "walk": WALK,
    "gaps": with_outliers(NAN),
    "all missing": np.full((N, 2), NAN),
    "one empty column": np.column_stack([WALK[:, 0], np.full(N, NAN)]),
    "constant": np.full((N, 2), 5.0),
    "zero": np.zeros((N, 2)),
    "outliers of 1e30": with_outliers(1e30),
    "outliers of -1e99": with_outliers(-1e99),
    "outliers of 1e300": with_outliers(1e300),
    "infinities": with_outliers(np.inf),
    "only 1e30 and -1e30": np.where(np.arange(N)[:, None] % 2 == 0, 1e30, -1e30) * np.ones((1, 2)),
    "only 1e300": np.full((N, 2), 1e300),
    "level of 1e15": 1e15 + WALK,
    "denormal": 1e-310 * WALK,
}
TASKS: dict[str, dict[str, Any]] = {
    "squared": {"task": "forecast", "loss": "squared", "horizon": 2},
    "absolute": {"task": "forecast", "loss": "absolute"},
    "huber": {"task": "forecast", "loss": "huber"},
    "quantile": {"task": "forecast", "loss": "quantile"},
    "gaussian_nll": {"task": "forecast", "loss": "gaussian_nll"},
    "not residual": {"task": "forecast", "residual": False},
    "regression": {"task": "regression"},
    "logistic": {"task": "classification"},
    "softmax": {"task": "classification", "classes": 3},
    "hierarchical_softmax": {"task": "classification", "classes": 3, "loss": "hierarchical_softmax"},
}
SCALING = pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "unscaled"])
LABELS = RNG.integers(0, 2, (N, 1)).astype(float)


def processed(values: Any, **changes: Any) -> Any:
    """Return an engine that has processed the values, and its forecasts."""
    labels = changes.get("task") == "classification"
    change = {"inputs": ("a", "b"), "targets": ("c",) if labels else ("a",), "window": 4, "learning_rate": 0.05}
    engine = engine_of(**(change | changes))
    y = LABELS if labels else values[:, :1]
    return engine, engine.process("s", values, y)


def assert_finite(values: Any, *, scaled: bool, **changes: Any) -> None:
    engine, forecasts = processed(values, scale_inputs=scaled, scale_targets=scaled, **changes)
    assert np.isfinite(forecasts).all()
    assert all_finite(engine)


@SCALING
@pytest.mark.parametrize("task", ["squared", "not residual", "regression"])
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("layer", [layer for layer in FORECASTING if layer in NUMERIC])
def test_forecasts_and_weights_stay_finite_with_every_layer(
    layer: str, values: str, task: str, *, scaled: bool
) -> None:
    assert_finite(VALUES[values], layer=layer, scaled=scaled, skip=True, **TASKS[task])


@SCALING
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("values", VALUES)
def test_forecasts_and_weights_stay_finite_with_every_loss(values: str, task: str, *, scaled: bool) -> None:
    assert_finite(VALUES[values], scaled=scaled, skip=True, **TASKS[task])


def test_every_loss_is_tested_here() -> None:
    assert {settings(targets="c", **task).loss_name for task in TASKS.values()} == set(LOSSES)


@SCALING
@pytest.mark.parametrize("clip", ["norm", "value", "off"])
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
@pytest.mark.parametrize("values", VALUES)
def test_weights_stay_finite_with_every_optimizer_and_clipping(
    values: str, optimizer: str, clip: str, *, scaled: bool
) -> None:
    assert_finite(VALUES[values], scaled=scaled, optimizer=optimizer, clip=clip, learning_rate=10.0)


@pytest.mark.parametrize("place", [3, 10, 500])
def test_a_stream_is_forecast_well_again_after_an_outlier(place: int) -> None:
    x = np.random.default_rng(0).normal(size=(1500, 1)).cumsum(axis=0)
    x[place] = 1e30
    forecasts = engine_of(scale_inputs=True, learning_rate=0.001).process("s", x)[:-1, 0]
    assert np.abs(forecasts - x[1:])[-300:].mean() < 1.2 * np.abs(np.diff(x, axis=0))[-300:].mean()


def test_an_outlier_is_clipped_even_if_changes_were_constant_before() -> None:
    x = np.arange(1500.0)[:, np.newaxis]
    x[50] = 1e30
    forecasts = engine_of(scale_inputs=True, learning_rate=0.001).process("s", x)[:-1, 0]
    assert np.abs(forecasts - x[1:])[-300:].max() < 2.0


@pytest.mark.parametrize("outlier", [1e30, -1e99, 1e300, np.inf, NAN])
def test_forecasts_recover_from_a_single_outlier(outlier: float) -> None:
    engine, _ = processed(WALK, scale_inputs=True, learning_rate=0.001)
    engine.step("s", [outlier, outlier])
    forecasts = engine.process("s", WALK, WALK[:, :1])[:-1, 0, 0]
    usual = np.abs(np.diff(WALK[:, 0])).mean()
    assert np.abs(forecasts - WALK[1:, 0])[20:].mean() < 2 * usual


@SCALING
def test_a_missing_input_is_replaced_by_the_mean_and_flagged(*, scaled: bool) -> None:
    engine = engine_of(inputs=("a", "b"), scale_inputs=scaled)
    for a in (1.0, 2.0, 6.0):
        engine.step("s", [a, 0.5])
    engine.step("s", [NAN, 0.5])
    x = network_input(engine)
    assert x[0] == (0.0 if scaled else 3.0)
    np.testing.assert_array_equal(x[2:], [1, 0])


def test_without_flags_the_network_sees_only_the_inputs() -> None:
    assert len(network_input(engine_of(inputs=("a", "b"), missing_flags=False))) == 2


def test_a_missing_input_does_not_change_the_scales() -> None:
    engine = engine_of(scale_inputs=True)
    engine.process("s", series(10))
    before = stream_row(engine, "input_moments").copy()
    engine.step("s", [NAN])
    np.testing.assert_array_equal(stream_row(engine, "input_moments"), before)


@pytest.mark.parametrize("value", [None, NAN, float("inf"), 1e300])
def test_none_nan_infinite_and_huge_inputs_are_missing(value: float | None) -> None:
    one, other = engine_of(inputs=("a", "b")), engine_of(inputs=("a", "b"))
    for engine, missing in ((one, {"a": value}), (other, {})):
        engine.step("s", {"a": 1.0, "b": 2.0})
        engine.step("s", {"b": 2.0} | missing)
    before, after = bits(one), bits(other)
    del before["history"], after["history"]  # holds raw values
    assert before == after


def test_missing_inputs_are_counted() -> None:
    engine, _ = processed(VALUES["one empty column"])
    assert engine.counts.missing_inputs == N


def test_missing_targets_are_counted() -> None:
    engine = engine_of(targets=("y", "z"))
    engine.process("s", series(5), [[1, NAN], [NAN, NAN], [1, 1], [1, 1], [NAN, 1]])
    assert engine.counts.missing_targets == 4


@pytest.mark.parametrize("task", ["forecast", "regression"])
def test_without_targets_nothing_is_learned(task: str) -> None:
    engine = engine_of(targets=("y",), task=task)
    before = weights(engine)
    engine.process("s", series(30), np.full((30, 1), NAN))
    np.testing.assert_array_equal(weights(engine), before)
    assert engine.counts.updates == engine.counts.skipped == 0


@pytest.mark.parametrize("task", ["forecast", "regression"])
def test_a_missing_target_gives_no_gradient_besides_a_known_one(task: str) -> None:
    engine = engine_of(targets=("y", "z"), task=task)
    y = np.column_stack([series(30, seed=1), np.full(30, NAN)])
    engine.process("s", series(30), y)
    V, c = engine.parameters["V"], engine.parameters["c"]
    assert V[0].any()
    assert c[0] != 0
    assert not V[1].any()
    assert c[1] == 0


def test_an_update_that_is_not_finite_is_skipped_and_counted() -> None:
    engine = engine_of(targets=("y",), scale_targets=False, residual=False, clip="off")
    engine.process("s", series(3), series(3))
    before = weights(engine)
    engine.step("s", [0.0], 1e60)
    assert engine.counts.skipped == 1
    np.testing.assert_array_equal(weights(engine), before)


def test_learning_continues_after_a_skipped_update() -> None:
    engine = engine_of(targets=("y",), scale_targets=False, residual=False, clip="off")
    engine.process("s", series(3), [0.0, 1e60, 0.0])
    before = engine.counts.updates
    engine.process("s", series(5), series(5))
    assert engine.counts.updates == before + 5


def test_a_hidden_state_that_overflows_is_zeroed_and_counted() -> None:
    engine = engine_of(skip=True)
    engine.process("s", series(5))
    forecast = engine.step("s", [1e60])
    assert engine.counts.overflows == 1
    assert not stream_row(engine, "state").any()
    assert np.isfinite(forecast).all()


def test_an_overflow_of_one_stream_does_not_change_the_others() -> None:
    engine = engine_of(skip=True)
    engine.process(["a", "b"] * 5, series(10))
    before = stream_row(engine, "state", "a").copy()
    engine.step("b", [1e60])
    np.testing.assert_array_equal(stream_row(engine, "state", "a"), before)
