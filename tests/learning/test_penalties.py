"""L1, L2 and decoupled weight decay."""

from __future__ import annotations

import numpy as np
import pytest
from kernels_by_name import add_penalties, decay
from probe import BODIES, body_of

from stream_rnn.layers.initialise import penalty_mask
from stream_rnn.layers.network import network
from stream_rnn.learning.penalties import Penalties

W = np.array([2.0, -3.0, 0.0, 0.5])
ALL = np.ones(4)


def added(penalties: Penalties, mask: np.ndarray = ALL, factor: float = 1.0) -> np.ndarray:
    gradient = np.zeros(4)
    add_penalties(penalties, factor, W, mask, gradient)
    return factor * gradient


def test_l1_adds_the_sign() -> None:
    np.testing.assert_array_equal(added(Penalties(0.1, 0.0, 0.0)), [0.1, -0.1, 0, 0.1])


def test_l2_adds_twice_the_weight() -> None:
    np.testing.assert_allclose(added(Penalties(0.0, 0.1, 0.0)), 0.2 * W, rtol=1e-15)


def test_l1_and_l2_add_up() -> None:
    np.testing.assert_allclose(
        added(Penalties(0.1, 0.2, 0.0)), added(Penalties(0.1, 0.0, 0.0)) + added(Penalties(0.0, 0.2, 0.0)), rtol=1e-15
    )


def test_penalties_do_not_depend_on_how_many_events_share_an_update() -> None:
    one, eight = added(Penalties(0.1, 0.2, 0.0)), added(Penalties(0.1, 0.2, 0.0), factor=0.125)
    np.testing.assert_allclose(eight, one, rtol=1e-15)


def test_weight_decay_shrinks_in_proportion_to_the_learning_rate() -> None:
    w = W.copy()
    decay(Penalties(0.0, 0.0, 0.5), 0.1, w, ALL)
    np.testing.assert_allclose(w, 0.95 * W, rtol=1e-15)


def test_weight_decay_stays_out_of_the_gradient() -> None:
    assert not added(Penalties(0.0, 0.0, 0.5)).any()


def test_what_is_not_penalised_is_left_alone() -> None:
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    gradient, w = added(Penalties(0.1, 0.2, 0.3), mask), W.copy()
    decay(Penalties(0.1, 0.2, 0.3), 0.1, w, mask)
    assert not gradient[mask == 0].any()
    np.testing.assert_array_equal(w[mask == 0], W[mask == 0])


@pytest.mark.parametrize("body", BODIES)
def test_every_weight_that_is_learned_is_penalised_and_no_bias(body: str) -> None:
    net = network(body_of(body), 2, skip=True)
    expected = [np.full(p.shape, p.role not in {"bias", "fixed"}).ravel() for p in net.parameters()]
    np.testing.assert_array_equal(penalty_mask(net), np.concatenate(expected))


@pytest.mark.parametrize("body", BODIES)
def test_biases_are_the_parameters_of_one_axis(body: str) -> None:
    for parameter in network(body_of(body), 2, skip=True).parameters():
        if parameter.role == "bias":
            assert len(parameter.shape) == 1
        if len(parameter.shape) == 2:
            assert parameter.role in {"input", "recurrent", "readout", "fixed"}
