"""L1 and L2 penalties, and weight decay."""

from __future__ import annotations

import numpy as np
from compiled_kernels import add_penalties, decay_weights
from support import engine_of

from stream_rnn.learning.penalties import Penalties

W = np.array([2.0, -3.0, 0.0, 0.5])
ALL = np.ones(4)


def added(penalties: Penalties, mask: np.ndarray = ALL, factor: float = 1.0) -> np.ndarray:
    gradient = np.zeros(4)
    add_penalties(penalties, factor, W, mask, gradient)
    return factor * gradient


def test_l1_adds_the_sign_of_the_weight() -> None:
    np.testing.assert_array_equal(added(Penalties(0.1, 0.0, 0.0)), [0.1, -0.1, 0, 0.1])


def test_l2_adds_twice_the_weight() -> None:
    np.testing.assert_allclose(added(Penalties(0.0, 0.1, 0.0)), 0.2 * W, rtol=1e-15)


def test_l1_and_l2_add_up() -> None:
    both, l1, l2 = (added(Penalties(*strengths, 0.0)) for strengths in ((0.1, 0.2), (0.1, 0.0), (0.0, 0.2)))
    np.testing.assert_allclose(both, l1 + l2, rtol=1e-15)


def test_penalties_do_not_depend_on_the_number_of_events_of_an_update() -> None:
    one, eight = added(Penalties(0.1, 0.2, 0.0)), added(Penalties(0.1, 0.2, 0.0), factor=0.125)
    np.testing.assert_allclose(eight, one, rtol=1e-15)


def test_weight_decay_is_proportional_to_the_learning_rate() -> None:
    w = W.copy()
    decay_weights(Penalties(0.0, 0.0, 0.5), 0.1, w, np.zeros(4))
    np.testing.assert_allclose(w, 0.95 * W, rtol=1e-15)


def test_weight_decay_does_not_change_the_gradient() -> None:
    assert not added(Penalties(0.0, 0.0, 0.5)).any()


def test_weight_decay_tends_to_the_targets() -> None:
    w, targets = W.copy(), np.array([1.0, 0.0, 2.0, 0.5])
    decay_weights(Penalties(0.0, 0.0, 0.5), 0.1, w, targets)
    np.testing.assert_allclose(w - targets, 0.95 * (W - targets), rtol=1e-15)


def test_biases_are_not_penalised() -> None:
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    gradient = added(Penalties(0.1, 0.2, 0.3), mask)
    assert not gradient[mask == 0].any()


def test_weights_decay_to_zero_and_biases_to_their_initial_values() -> None:
    engine = engine_of(layer="lstm", weight_decay=0.1, optimizer="adamw", targets=("y",), forget_bias=2.0)
    for name, values in engine.parameters.items():
        targets = engine._parts.work.decay_targets
        assert targets.shape == (sum(part.size for part in engine.parameters.values()),)
        if name == "b":
            assert np.isin(values, targets).all()
            assert values.max() == 2.0
