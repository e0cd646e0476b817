"""Optimizers, over several updates, against their rules in plain numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from compiled_kernels import optimizer_step

from stream_rnn.learning.optimizers import MOMENTS_PER_WEIGHT, SGD, Adam, Optimizer, RMSprop, _bias_correction
from stream_rnn.settings.fields import OptimizerName

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIZE, UPDATES, RATE = 5, 6, 0.05
MOMENTUM, SECOND_DECAY, FIRST_DECAY, EPSILON = 0.8, 0.97, 0.9, 1e-8
GRADIENTS = np.random.default_rng(0).normal(size=(UPDATES, SIZE))
OPTIMIZERS = {
    SGD: SGD(RATE, MOMENTUM, nesterov=False),
    RMSprop: RMSprop(RATE, SECOND_DECAY, EPSILON),
    Adam: Adam(RATE, FIRST_DECAY, SECOND_DECAY, EPSILON),
}
KINDS = pytest.mark.parametrize("kind", OPTIMIZERS, ids=lambda kind: kind.__name__)


def trained(optimizer: Optimizer, gradients: Array = GRADIENTS, factor: float = 1.0) -> Array:
    """Return weights after an update by each gradient."""
    w = np.linspace(-1, 1, gradients.shape[1])
    moments = np.zeros((MOMENTS_PER_WEIGHT[type(optimizer)], len(w)))
    for t, g in enumerate(gradients, start=1):
        optimizer_step(optimizer, optimizer.learning_rate, w, moments, g, 0, len(w), factor, t)
    return w


def sgd(w: Array) -> Array:
    v = np.zeros(SIZE)
    for g in GRADIENTS:
        v = MOMENTUM * v + g
        w = w - RATE * v
    return w


def rmsprop(w: Array) -> Array:
    s = np.zeros(SIZE)
    for g in GRADIENTS:
        s = SECOND_DECAY * s + (1 - SECOND_DECAY) * g**2
        w = w - RATE * g / (np.sqrt(s) + EPSILON)
    return w


def adam(w: Array) -> Array:
    m, s = np.zeros(SIZE), np.zeros(SIZE)
    for t, g in enumerate(GRADIENTS, start=1):
        m = FIRST_DECAY * m + (1 - FIRST_DECAY) * g
        s = SECOND_DECAY * s + (1 - SECOND_DECAY) * g**2
        w = w - RATE * (m / (1 - FIRST_DECAY**t)) / (np.sqrt(s / (1 - SECOND_DECAY**t)) + EPSILON)
    return w


RULES: dict[type[Optimizer], Callable[[Array], Array]] = {SGD: sgd, RMSprop: rmsprop, Adam: adam}


def test_every_optimizer_has_a_reference_rule_and_a_name_in_the_settings() -> None:
    assert set(RULES) == set(OPTIMIZERS) == set(MOMENTS_PER_WEIGHT)
    assert set(get_args(OptimizerName)) == {*(kind.__name__.lower() for kind in RULES), "adamw"}


@KINDS
def test_updates_follow_the_rule(kind: type[Optimizer]) -> None:
    np.testing.assert_allclose(trained(OPTIMIZERS[kind]), RULES[kind](np.linspace(-1, 1, SIZE)), rtol=1e-12)


def test_sgd_without_momentum_follows_the_gradient() -> None:
    expected = np.linspace(-1, 1, SIZE) - RATE * GRADIENTS.sum(axis=0)
    np.testing.assert_allclose(trained(SGD(RATE, 0.0, nesterov=False)), expected, rtol=1e-13)


def test_sgd_with_nesterov_momentum_looks_ahead() -> None:
    w, v = np.linspace(-1, 1, SIZE), np.zeros(SIZE)
    for g in GRADIENTS:
        v = MOMENTUM * v + g
        w = w - RATE * (g + MOMENTUM * v)
    np.testing.assert_allclose(trained(SGD(RATE, MOMENTUM, nesterov=True)), w, rtol=1e-13)


def test_the_first_step_of_adam_is_the_learning_rate_for_any_gradient() -> None:
    w = trained(OPTIMIZERS[Adam], np.array([[1e-3, 1.0, 1e3]]))
    np.testing.assert_allclose(np.linspace(-1, 1, 3) - w, RATE, rtol=1e-4)


@KINDS
def test_the_factor_multiplies_the_gradient(kind: type[Optimizer]) -> None:
    scaled = trained(OPTIMIZERS[kind], 0.25 * GRADIENTS)
    np.testing.assert_allclose(trained(OPTIMIZERS[kind], factor=0.25), scaled, rtol=1e-13)


@KINDS
def test_a_gradient_of_zero_changes_nothing(kind: type[Optimizer]) -> None:
    zeros = np.zeros((UPDATES, SIZE))
    np.testing.assert_array_equal(trained(OPTIMIZERS[kind], zeros), np.linspace(-1, 1, SIZE))


@pytest.mark.parametrize("b", [0.9, 0.99, 0.999])
def test_the_bias_correction_is_exact_where_it_leaves_out_the_power(b: float) -> None:
    assert all(_bias_correction(b, t) == 1.0 - b**t for t in range(1, 50_000))
