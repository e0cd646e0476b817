"""Update rules, several steps of each, against plain numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from kernels_by_name import step

from stream_rnn.learning.optimizers import MOMENTS_PER_WEIGHT, Optimizer, OptimizerKind, _bias_correction

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE, STEPS, RATE = 5, 6, 0.05
MOMENTUM, DECAY, FIRST, EPSILON = 0.8, 0.97, 0.9, 1e-8


def rule(kind: OptimizerKind, *, momentum: float = MOMENTUM, nesterov: bool = False) -> Optimizer:
    return Optimizer(kind.value, RATE, momentum, nesterov, DECAY, FIRST, EPSILON)


def trained(optimizer: Optimizer, gradients: NDArray[np.float64], factor: float = 1.0) -> NDArray[np.float64]:
    w = np.linspace(-1, 1, gradients.shape[1])
    moments = np.zeros((MOMENTS_PER_WEIGHT[OptimizerKind(optimizer.kind)], len(w)))
    for t, g in enumerate(gradients, start=1):
        step(optimizer, w, moments, g, 0, len(w), factor, t)
    return w


@pytest.fixture
def gradients() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(STEPS, SIZE))


def test_sgd_goes_down_the_gradient(gradients: NDArray[np.float64]) -> None:
    w = np.linspace(-1, 1, SIZE)
    for g in gradients:
        w = w - RATE * g
    np.testing.assert_allclose(trained(rule(OptimizerKind.SGD, momentum=0.0), gradients), w, rtol=1e-13)


def test_sgd_gathers_momentum(gradients: NDArray[np.float64]) -> None:
    w, v = np.linspace(-1, 1, SIZE), np.zeros(SIZE)
    for g in gradients:
        v = MOMENTUM * v + g
        w = w - RATE * v
    np.testing.assert_allclose(trained(rule(OptimizerKind.SGD), gradients), w, rtol=1e-13)


def test_nesterov_looks_ahead(gradients: NDArray[np.float64]) -> None:
    w, v = np.linspace(-1, 1, SIZE), np.zeros(SIZE)
    for g in gradients:
        v = MOMENTUM * v + g
        w = w - RATE * (g + MOMENTUM * v)
    np.testing.assert_allclose(trained(rule(OptimizerKind.SGD, nesterov=True), gradients), w, rtol=1e-13)


def test_rmsprop_divides_by_the_root_mean_square(gradients: NDArray[np.float64]) -> None:
    w, s = np.linspace(-1, 1, SIZE), np.zeros(SIZE)
    for g in gradients:
        s = DECAY * s + (1 - DECAY) * g**2
        w = w - RATE * g / (np.sqrt(s) + EPSILON)
    np.testing.assert_allclose(trained(rule(OptimizerKind.RMSPROP), gradients), w, rtol=1e-12)


def test_adam_corrects_the_bias_of_its_moments(gradients: NDArray[np.float64]) -> None:
    w, m, s = np.linspace(-1, 1, SIZE), np.zeros(SIZE), np.zeros(SIZE)
    for t, g in enumerate(gradients, start=1):
        m = FIRST * m + (1 - FIRST) * g
        s = DECAY * s + (1 - DECAY) * g**2
        w = w - RATE * (m / (1 - FIRST**t)) / (np.sqrt(s / (1 - DECAY**t)) + EPSILON)
    np.testing.assert_allclose(trained(rule(OptimizerKind.ADAM), gradients), w, rtol=1e-12)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradient() -> None:
    w = trained(rule(OptimizerKind.ADAM), np.array([[1e-3, 1.0, 1e3]]))
    np.testing.assert_allclose(np.linspace(-1, 1, 3) - w, RATE, rtol=1e-4)


@pytest.mark.parametrize("kind", OptimizerKind, ids=lambda kind: kind.name.lower())
def test_the_factor_multiplies_the_gradient(kind: OptimizerKind, gradients: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(
        trained(rule(kind), gradients, factor=0.25), trained(rule(kind), 0.25 * gradients), rtol=1e-13
    )


@pytest.mark.parametrize("kind", OptimizerKind, ids=lambda kind: kind.name.lower())
def test_no_gradient_no_step(kind: OptimizerKind) -> None:
    np.testing.assert_array_equal(trained(rule(kind), np.zeros((STEPS, SIZE))), np.linspace(-1, 1, SIZE))


@pytest.mark.parametrize("b", [0.9, 0.99, 0.999])
def test_the_power_is_left_out_only_where_it_does_not_show(b: float) -> None:
    assert all(_bias_correction(b, t) == 1.0 - b**t for t in range(1, 50_000))
