"""The random weights of a reservoir, and that they stay fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import INPUTS, body_of
from support import engine_of, series, settings, stream_row

from stream_rnn import SettingError
from stream_rnn.layers.initialise import Initialisation, initial_weights
from stream_rnn.layers.network import make_network

H = 40


def initial(seed: int = 0, hidden: int = H, **options: Any) -> dict[str, Any]:
    network = make_network(body_of("reservoir", hidden=hidden, **options), 2, skip=True)
    return reference.split(network, initial_weights(network, Initialisation("glorot", "orthogonal", {}), seed))


def spectral_radius(W: Any) -> float:
    return float(np.abs(np.linalg.eigvals(W)).max())


@pytest.mark.parametrize("radius", [0.5, 1.25])
def test_recurrent_weights_have_the_spectral_radius_that_is_set(radius: float) -> None:
    assert spectral_radius(initial(spectral_radius=radius)["W"]) == pytest.approx(radius, rel=1e-9)


@pytest.mark.parametrize("density", [0.1, 1.0])
def test_recurrent_weights_have_the_density_that_is_set(density: float) -> None:
    assert np.count_nonzero(initial(density=density)["W"]) == density * H * H


def test_there_are_at_least_as_many_connections_as_units() -> None:
    assert np.count_nonzero(initial(density=1e-6)["W"]) == H


def test_connections_without_a_cycle_are_drawn_again() -> None:
    for seed in range(40):  # without a cycle all eigenvalues are 0, as in 7% of the draws of three connections
        W = initial(seed, hidden=3, density=0.1)["W"]
        assert spectral_radius(W) == pytest.approx(0.9, rel=1e-9)


def test_input_weights_times_the_root_of_their_number_and_biases_are_uniform_within_the_input_scaling() -> None:
    weights = initial(input_scaling=0.2)
    W_in = np.sqrt(INPUTS) * weights["W_in"]
    both = np.concatenate([W_in.ravel(), weights["b"]])
    assert 0.18 < np.abs(both).max() <= 0.2
    assert abs(both.mean()) < 0.04  # 160 draws: standard error 0.009


@pytest.mark.parametrize("leak", [(0.5, 0.1), (0.1, 0.5, 1.0), ()])
def test_leak_rates_other_than_one_or_two_ascending_ones_are_refused(leak: tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="leak must be one rate or two, ascending, got "):
        settings(layer="reservoir", leak=leak)


def test_what_a_unit_remembers_fades_at_its_leak_rate() -> None:
    options: dict[str, Any] = {"leak": (0.01, 0.5), "spectral_radius": 1e-9, "dtype": "float64", "learning_rate": 1e-9}
    states = []
    for first in (0.0, 5.0):
        engine = engine_of(layer="reservoir", hidden=H, scale_inputs=False, **options)
        after = []
        for x in [first, *[0.0] * 10]:
            engine.step("s", [x])
            after.append(stream_row(engine, "state").copy())
        states.append(after)
    left = np.abs(np.subtract(*states))
    np.testing.assert_allclose(left[10], left[0] * (1 - np.geomspace(0.01, 0.5, H)) ** 10, rtol=1e-6)


@pytest.mark.parametrize("changes", [{}, {"l1": 0.01, "l2": 0.01}, {"optimizer": "adamw"}])
def test_learning_does_not_change_a_reservoir(changes: dict[str, Any]) -> None:
    engine = engine_of(layer="reservoir", learning_rate=0.1, **changes)
    before = {name: value.copy() for name, value in engine.parameters.items()}
    engine.process("s", series(30))
    assert engine.parameters["V"].any()
    for name in ("W_in", "W", "b"):
        np.testing.assert_array_equal(engine.parameters[name], before[name])
