"""How a reservoir is drawn, and that it stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import body_of
from support import engine_of, series

from stream_rnn.layers.initialise import Initialisation, initial_weights
from stream_rnn.layers.network import network

H = 40


def drawn(seed: int = 0, hidden: int = H, **options: Any) -> dict[str, Any]:
    net = network(body_of("reservoir", hidden=hidden, **options), 2, skip=True)
    return reference.split(net, initial_weights(net, Initialisation("glorot", "orthogonal", {}), seed))


def spectral_radius(W: Any) -> float:
    return float(np.abs(np.linalg.eigvals(W)).max())


@pytest.mark.parametrize("radius", [0.5, 1.25])
def test_the_largest_eigenvalue_is_what_was_asked_for(radius: float) -> None:
    assert spectral_radius(drawn(spectral_radius=radius)["W"]) == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize("density", [0.1, 1.0])
def test_so_many_units_are_connected(density: float) -> None:
    assert np.count_nonzero(drawn(density=density)["W"]) == density * H * H


def test_there_are_at_least_as_many_connections_as_units() -> None:
    assert np.count_nonzero(drawn(density=1e-6)["W"]) == H


def test_connections_without_a_loop_are_drawn_again() -> None:
    for seed in range(40):  # without a loop all eigenvalues are 0; so begin 7 in 100 draws of three connections
        W = drawn(seed, hidden=3, density=0.1)["W"]
        assert spectral_radius(W) == pytest.approx(0.9, rel=1e-9)


def test_input_weights_and_biases_are_uniform_within_their_scale() -> None:
    found = drawn(input_scaling=0.2)
    both = np.concatenate([found["W_in"].ravel(), found["b"]])
    assert 0.18 < np.abs(both).max() <= 0.2
    assert abs(both.mean()) < 0.04  # 160 draws: a standard error of 0.009


@pytest.mark.parametrize("changes", [{}, {"l1": 0.01, "l2": 0.01}, {"optimizer": "adamw"}])
def test_learning_leaves_a_reservoir_as_it_was_drawn(changes: dict[str, Any]) -> None:
    engine = engine_of(layer="reservoir", learning_rate=0.1, **changes)
    before = {name: value.copy() for name, value in engine.parameters.items()}
    engine.process("s", series(30))
    assert engine.parameters["V"].any()
    for name in ("W_in", "W", "b"):
        np.testing.assert_array_equal(engine.parameters[name], before[name])
