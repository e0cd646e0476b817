"""What weights begin as."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, body_of

from stream_rnn.layers.initialise import Initialisation, initial_weights
from stream_rnn.layers.network import network

H = 40


def begun(body: str, seed: int = 0, **changes: Any) -> dict[str, Any]:
    net = network(body_of(body, hidden=H), 2, skip=True)
    how = Initialisation(**({"input": "glorot", "recurrent": "orthogonal", "gate_biases": {}} | changes))
    return reference.split(net, initial_weights(net, how, seed))


def gates(layer: str, name: str, weights: Any) -> list[Any]:
    parameter = next(p for p in body_of(layer, hidden=H).parameters() if p.name == name)
    return np.split(weights[name], len(parameter.gates), axis=-1)


RECURRENT = [
    (layer, parameter.name)
    for layer in LAYERS
    for parameter in body_of(layer, hidden=H).parameters()
    if parameter.role == "recurrent" and parameter.initial is None
]


@pytest.mark.parametrize(("layer", "name"), RECURRENT)
def test_recurrent_weights_are_a_rotation_for_each_gate(layer: str, name: str) -> None:
    for U in gates(layer, name, begun(layer)):
        np.testing.assert_allclose(U @ U.T, np.eye(H), atol=1e-12)


@pytest.mark.parametrize(("layer", "name"), RECURRENT)
def test_recurrent_weights_can_be_the_identity(layer: str, name: str) -> None:
    for U in gates(layer, name, begun(layer, recurrent="identity")):
        np.testing.assert_array_equal(U, np.eye(H))


def test_glorot_is_uniform_within_its_bound() -> None:
    W = begun("dense")["W"]
    bound = np.sqrt(6 / sum(W.shape))
    assert 0.9 * bound < np.abs(W).max() <= bound


def test_he_has_its_variance() -> None:
    W = begun("gru", input="he")["W"]
    assert W.var() == pytest.approx(2 / len(W), rel=0.3)  # 360 draws: a standard error of 0.075


@pytest.mark.parametrize("body", BODIES)
def test_the_readout_begins_at_zero(body: str) -> None:
    found = begun(body)
    assert not found["V"].any()
    assert not found["c"].any()


def test_the_forget_gate_begins_open_and_nothing_else_does() -> None:
    i, f, o, g = gates("lstm", "b", begun("lstm", gate_biases={"f": 1.0}))
    assert (f == 1).all()
    assert not np.concatenate([i, o, g]).any()


def test_the_update_gate_may_begin_by_remembering() -> None:
    n, r, z, q = gates("gru", "b", begun("gru", gate_biases={"z": 2.0}))
    assert (z == 2).all()
    assert not np.concatenate([n, r, q]).any()


def test_peepholes_begin_shut() -> None:
    assert not begun("lstm_peephole")["p"].any()


def test_the_linear_units_begin_within_their_ring() -> None:
    found = begun("lru")
    r, theta = np.exp(-np.exp(found["nu"])), np.exp(found["th"])
    assert ((r >= 0.3) & (r <= 0.999)).all()
    assert ((theta > 0) & (theta <= np.pi)).all()
    assert (found["Br"].var() + found["Bi"].var()) / 2 == pytest.approx(1 / 8, rel=0.4)  # 240 draws: 0.015


@pytest.mark.parametrize("layer", ["elstm", "columnar_gru"])
def test_the_gates_of_columns_begin_as_other_gates_do(layer: str) -> None:
    gates = body_of(layer, hidden=H).parameters()[-1].gates
    biases = np.split(begun(layer, gate_biases={"f": 1.0, "z": 2.0})["b"], len(gates))
    for gate, bias in zip(gates, biases, strict=True):
        assert (bias == {"f": 1.0, "z": 2.0}.get(gate, 0.0)).all()


@pytest.mark.parametrize("body", [body for body in BODIES if body_of(body).parameters()])
def test_the_same_seed_gives_the_same_weights(body: str) -> None:
    one, same, other = begun(body), begun(body), begun(body, seed=1)
    assert all((one[name] == same[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)
