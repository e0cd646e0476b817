"""Forecasts: their baseline, units and shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import NAN, engine_of, series

from stream_rnn.losses import LOSSES

NUMERIC = [name for name, spec in LOSSES.items() if not spec.categorical]
NUMERIC_LOSSES = pytest.mark.parametrize("loss", NUMERIC)


def point(forecasts: Any, loss: str) -> Any:
    """Return the point forecasts: the median of quantiles, the mean of a Gaussian."""
    return {"quantile": forecasts[..., 1:2], "gaussian_nll": forecasts[..., :1]}.get(loss, forecasts)


@NUMERIC_LOSSES
@pytest.mark.parametrize("horizon", [1, 3])
def test_an_untrained_network_forecasts_the_last_value(loss: str, horizon: int) -> None:
    engine = engine_of(loss=loss, horizon=horizon, learning_rate=1e-30)
    x = 1e6 + series(20)
    points = point(engine.process("s", x), loss)
    np.testing.assert_allclose(points, np.broadcast_to(x.reshape(20, 1, 1, *[1] * (points.ndim - 3)), points.shape))


@NUMERIC_LOSSES
def test_the_first_forecast_is_bitwise_the_first_value(loss: str) -> None:
    assert (point(engine_of(loss=loss).step("s", [0.1]), loss) == 0.1).all()


@NUMERIC_LOSSES
@pytest.mark.parametrize("level", [0.0, 0.1, -1e6])
def test_a_constant_series_is_forecast_exactly(loss: str, level: float) -> None:
    forecasts = engine_of(loss=loss, horizon=2, learning_rate=0.1).process("s", np.full((50, 1), level))
    assert (point(forecasts, loss) == level).all()


def test_a_residual_forecast_starts_from_the_last_known_value() -> None:
    engine = engine_of()
    engine.step("s", [5.0])
    assert engine.step("s", [NAN]) == 5.0


def test_without_residual_an_untrained_network_forecasts_the_mean() -> None:
    engine = engine_of(residual=False, learning_rate=1e-30, targets=("y",))
    y = series(20)
    engine.process("s", series(20), y)
    assert engine.predict("s")[0, 0] == pytest.approx(y.mean(), rel=1e-12)


def test_without_scaling_and_residual_an_untrained_network_forecasts_zero() -> None:
    engine = engine_of(residual=False, scale_targets=False, learning_rate=1e-30)
    assert (np.abs(engine.process("s", 100 + series(20))) < 1e-6).all()


@NUMERIC_LOSSES
def test_forecasts_scale_with_the_unit_of_measurement(loss: str) -> None:
    x, unit = series(300), 4.0  # with a power of two, rounding is the same
    change = {"loss": loss, "scale_inputs": True, "learning_rate": 0.01}
    one, other = engine_of(**change).process("s", x), engine_of(**change).process("s", unit * x)
    power = np.array([1, 2]) if loss == "gaussian_nll" else 1
    np.testing.assert_array_equal(other, one * unit**power)


@pytest.mark.parametrize("residual", [True, False])
def test_forecasts_follow_a_linear_change_of_units(*, residual: bool) -> None:
    x, a, b = series(300), 1.8, 32.0
    change = {"scale_inputs": True, "learning_rate": 0.01, "residual": residual}
    one, other = engine_of(**change).process("s", x), engine_of(**change).process("s", a * x + b)
    # inputs are rounded differently, so that float32 networks drift apart by about 1e-7 deviations at each update
    np.testing.assert_allclose(other, a * one + b, atol=1e-3 * a * x.std())


@pytest.mark.parametrize("residual", [True, False])
def test_forecasts_are_in_the_targets_units(*, residual: bool) -> None:
    t = np.arange(4000)[:, np.newaxis]
    x = 1000 + 50 * np.sin(t / 5)
    forecasts = engine_of(hidden=8, residual=residual, scale_inputs=True).process("s", x)[:, 0]
    assert np.abs(forecasts[-500:-1] - x[-499:]).mean() < 0.1 * 50


def test_quantiles_are_sorted() -> None:
    x = np.random.default_rng(0).normal(size=(500, 2)).cumsum(axis=0)
    engine = engine_of(inputs=("a", "b"), loss="quantile", quantiles=(0.1, 0.3, 0.7, 0.9), horizon=3, learning_rate=0.1)
    assert (np.diff(engine.process("s", x), axis=-1) >= 0).all()


def test_quantiles_have_their_coverage() -> None:
    x = np.random.default_rng(0).normal(size=(8000, 1))
    forecasts = engine_of(loss="quantile", quantiles=(0.1, 0.5, 0.9)).process("s", x)[:-1, 0, 0]
    inside = (forecasts[:, 0] <= x[1:, 0]) & (x[1:, 0] <= forecasts[:, 2])
    assert inside[-3000:].mean() == pytest.approx(0.8, abs=0.05)  # 3000 draws: a standard error of 0.007


def test_the_variance_of_a_gaussian_is_positive() -> None:
    forecasts = engine_of(loss="gaussian_nll", learning_rate=0.1, horizon=2).process("s", 1e3 * series(300))
    assert (forecasts[2:, :, :, 1] > 0).all()


def test_a_gaussian_learns_the_variance_of_the_noise() -> None:
    x = 3 * np.random.default_rng(0).normal(size=(8000, 1))
    forecasts = engine_of(loss="gaussian_nll", clip="off").process("s", x)
    assert forecasts[-3000:, 0, 0, 1].mean() == pytest.approx(9, rel=0.2)


def test_class_probabilities_sum_to_one() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (300, 1))
    engine = engine_of(targets=("y",), task="classification", classes=4, learning_rate=0.1)
    forecasts = engine.process("s", series(300), labels)
    assert ((forecasts > 0) & (forecasts < 1)).all()
    np.testing.assert_allclose(forecasts.sum(axis=1), 1, rtol=1e-12)


def test_two_classes_have_a_single_probability() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (300, 2))
    forecasts = engine_of(targets=("y", "z"), task="classification", learning_rate=0.1).process(
        "s", series(300), labels
    )
    assert forecasts.shape == (300, 2)
    assert ((forecasts > 0) & (forecasts < 1)).all()


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({}, (1, 1)),
        ({"horizon": 5}, (5, 1)),
        ({"inputs": ("x", "y"), "horizon": 5}, (5, 2)),
        ({"loss": "quantile", "horizon": 2}, (2, 1, 3)),
        ({"loss": "gaussian_nll"}, (1, 1, 2)),
        ({"task": "regression", "targets": ("y", "z")}, (2,)),
        ({"task": "classification", "targets": ("y",)}, (1,)),
        ({"task": "classification", "targets": ("y",), "classes": 5}, (5,)),
        ({"loss": "softmax", "classes": 5}, (1, 5)),
        ({"loss": "softmax", "classes": 5, "horizon": 3}, (3, 5)),
        ({"loss": "softmax", "classes": 5, "horizon": 3, "top": 2}, (3, 2, 2)),
        ({"task": "classification", "targets": ("y",), "classes": 5, "top": 1}, (1, 2)),
        ({"loss": "hierarchical_softmax", "classes": 5}, (1, 5)),
        ({"loss": "hierarchical_softmax", "classes": 5, "top": 4}, (1, 4, 2)),
    ],
    ids=str,
)
def test_forecasts_have_the_shape_of_the_settings(changes: dict[str, Any], shape: tuple[int, ...]) -> None:
    engine = engine_of(**changes)
    width = len(engine.settings.inputs)
    assert engine.settings.forecast_shape == shape
    assert engine.step("s", [0.0] * width).shape == shape
    assert engine.process("s", np.zeros((4, width)), *([np.zeros((4, len(engine.settings.target_names)))])).shape == (
        4,
        *shape,
    )
