"""Bidirectional layers against the paper's equations over a whole sequence, up to its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import HIDDEN, INPUTS, LENGTH, OPTIONS, Probe, body_of, finite_differences, relative_error

from stream_rnn.kernels.activations import Activation
from stream_rnn.layers import BIDIRECTIONAL

LAYERS = pytest.mark.parametrize("layer", BIDIRECTIONAL)
LOOKAHEADS = pytest.mark.parametrize("lookahead", [1, 2, LENGTH - 1, LENGTH + 5])


def probe_of(layer: str, lookahead: int, length: int = LENGTH, **options: Any) -> Probe:
    """Return a bidirectional network, and a sequence with its end."""
    probe = Probe(body_of(layer, lookahead=lookahead, **options), skip=False, length=length)
    X = np.random.default_rng(1).normal(size=(length, INPUTS))
    probe.events = probe.events._replace(X=reference.ahead(X, lookahead))
    return probe


@LAYERS
@LOOKAHEADS
def test_outputs_are_those_of_one_pass_in_each_direction(layer: str, lookahead: int) -> None:
    probe = probe_of(layer, lookahead)
    p, X = reference.split(probe.network, probe.params), probe.events.X[:, :INPUTS]
    _, forward = np.split(probe.state[HIDDEN:], 2)  # after the forward output: states backward and forward
    states = np.array([forward, 0 * forward])
    outputs = reference.bidirectional(reference.BIDIRECTIONAL_CELLS[layer], p, X, states, lookahead)
    np.testing.assert_allclose(probe.run()["out"], outputs @ p["V"].T + p["c"], rtol=1e-12, atol=1e-13)


@LAYERS
@LOOKAHEADS
def test_weight_gradient_equals_finite_differences_up_to_the_end_of_a_sequence(layer: str, lookahead: int) -> None:
    probe = probe_of(layer, lookahead)
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= 1e-6


@pytest.mark.parametrize("activation", Activation, ids=lambda activation: activation.name.lower())
def test_weight_gradient_equals_finite_differences_for_every_activation(activation: Activation) -> None:
    probe = probe_of("birnn", OPTIONS["lookahead"], activation=activation.value)
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= 1e-6


@LAYERS
def test_input_gradient_equals_finite_differences_and_is_zero_for_events_that_do_not_exist(layer: str) -> None:
    probe = probe_of(layer, lookahead=4, length=2)
    d_input = probe.run(window=LENGTH)["d_input"]
    existing = probe.events.X[0, : 2 * INPUTS]
    assert relative_error(d_input[: 2 * INPUTS], finite_differences(probe.loss_of, existing)) <= 1e-6
    assert not d_input[2 * INPUTS :].any()


@LAYERS
@pytest.mark.parametrize("events", [[0], [3, 7], [LENGTH - 1], [0, LENGTH - 1]], ids=str)
def test_weight_gradient_equals_finite_differences_where_few_events_have_errors(layer: str, events: list[int]) -> None:
    probe = probe_of(layer, lookahead=2)
    probe.events = probe.events.with_errors_at(*events)
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= 1e-6
