"""Initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, body_of

from stream_rnn.layers.initialise import Initialisation, dense_ranges, initial_weights, penalty_mask
from stream_rnn.layers.network import make_network

H = 40


def initial(body: str, seed: int = 0, **changes: Any) -> dict[str, Any]:
    network = make_network(body_of(body, hidden=H), 2, skip=True)
    rules = Initialisation(**({"input": "glorot", "recurrent": "orthogonal", "gate_biases": {}} | changes))
    return reference.split(network, initial_weights(network, rules, seed))


def split_gates(layer: str, name: str, weights: dict[str, Any]) -> list[Any]:
    parameter = next(p for p in body_of(layer, hidden=H).parameters() if p.name == name)
    return np.split(weights[name], len(parameter.gates), axis=-1)


RECURRENT = [
    (layer, parameter.name)
    for layer in LAYERS
    for parameter in body_of(layer, hidden=H).parameters()
    if parameter.role == "recurrent" and parameter.initial is None
]


@pytest.mark.parametrize(("layer", "name"), RECURRENT)
def test_orthogonal_recurrent_weights_are_a_rotation_for_each_gate(layer: str, name: str) -> None:
    for U in split_gates(layer, name, initial(layer)):
        np.testing.assert_allclose(U @ U.T, np.eye(H), atol=1e-12)


@pytest.mark.parametrize(("layer", "name"), RECURRENT)
def test_identity_recurrent_weights_are_the_identity_for_each_gate(layer: str, name: str) -> None:
    for U in split_gates(layer, name, initial(layer, recurrent="identity")):
        np.testing.assert_array_equal(U, np.eye(H))


def test_glorot_weights_are_uniform_within_their_bound() -> None:
    W = initial("dense")["W"]
    bound = np.sqrt(6 / sum(W.shape))
    assert 0.9 * bound < np.abs(W).max() <= bound


def test_he_weights_have_their_variance() -> None:
    W = initial("gru", input="he")["W"]
    assert W.var() == pytest.approx(2 / len(W), rel=0.3)  # 360 draws: standard error 0.075


@pytest.mark.parametrize("body", BODIES)
def test_the_readout_is_zero(body: str) -> None:
    weights = initial(body)
    assert not weights["V"].any()
    assert not weights["c"].any()


def test_the_forget_gate_has_its_bias_and_the_other_gates_have_none() -> None:
    i, f, o, g = split_gates("lstm", "b", initial("lstm", gate_biases={"f": 1.0}))
    assert (f == 1).all()
    assert not np.concatenate([i, o, g]).any()


def test_the_update_gate_has_its_bias_and_the_other_gates_have_none() -> None:
    n, r, z, q = split_gates("gru", "b", initial("gru", gate_biases={"z": 2.0}))
    assert (z == 2).all()
    assert not np.concatenate([n, r, q]).any()


@pytest.mark.parametrize("layer", ["elstm", "columnar_gru"])
def test_gates_of_columnar_layers_have_the_biases_of_other_gates(layer: str) -> None:
    gates = body_of(layer, hidden=H).parameters()[-1].gates
    biases = np.split(initial(layer, gate_biases={"f": 1.0, "z": 2.0})["b"], len(gates))
    for gate, bias in zip(gates, biases, strict=True):
        assert (bias == {"f": 1.0, "z": 2.0}.get(gate, 0.0)).all()


def test_peephole_weights_are_zero() -> None:
    assert not initial("lstm_peephole")["p"].any()


def test_linear_recurrent_units_are_inside_the_ring_of_the_paper() -> None:
    weights = initial("lru")
    r, theta = np.exp(-np.exp(weights["nu"])), np.exp(weights["th"])
    assert ((r >= 0.3) & (r <= 0.999)).all()
    assert ((theta > 0) & (theta <= np.pi)).all()
    assert (weights["Br"].var() + weights["Bi"].var()) / 2 == pytest.approx(1 / 8, rel=0.4)  # 240 draws: 0.015


@pytest.mark.parametrize("body", [body for body in BODIES if body_of(body).parameters()])
def test_the_same_seed_gives_the_same_weights(body: str) -> None:
    one, same, other = initial(body), initial(body), initial(body, seed=1)
    assert all((one[name] == same[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


@pytest.mark.parametrize("body", BODIES)
def test_learned_weights_are_penalised_and_biases_are_not(body: str) -> None:
    network = make_network(body_of(body), 2, skip=True)
    expected = [np.full(p.shape, p.role not in {"bias", "fixed"}).ravel() for p in network.parameters()]
    np.testing.assert_array_equal(penalty_mask(network), np.concatenate(expected))


@pytest.mark.parametrize("body", BODIES)
def test_dense_ranges_are_the_parameters_that_are_neither_fixed_nor_sparse(body: str) -> None:
    network = make_network(body_of(body), 2, skip=True)
    learned = [np.full(p.shape, p.role != "fixed" and not p.sparse).ravel() for p in network.parameters()]
    expected = np.concatenate(learned)
    dense = np.zeros(len(expected), bool)
    for start, end in dense_ranges(network):
        dense[start:end] = True
    np.testing.assert_array_equal(dense, expected)


@pytest.mark.parametrize("body", BODIES)
def test_biases_have_one_axis_and_matrices_are_weights(body: str) -> None:
    for parameter in make_network(body_of(body), 2, skip=True).parameters():
        if parameter.role == "bias":
            assert len(parameter.shape) == 1
        if len(parameter.shape) == 2:
            assert parameter.role in {"input", "recurrent", "readout", "fixed"}
