"""Bidirectional layers: the paper's equations over a whole sequence, and the events after it that do not come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from probe import HIDDEN, INPUTS, LENGTH, OPTIONS, Probe, body_of, finite_differences, relative_error

from stream_rnn.kernels.activations import Activation

KINDS = pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
LOOKAHEADS = pytest.mark.parametrize("lookahead", [1, 2, LENGTH - 1, LENGTH + 5])


def probe_of(kind: str, lookahead: int, length: int = LENGTH, **options: Any) -> Probe:
    """Return a bidirectional network whose readout sees only the body's outputs, and a sequence that ends."""
    probe = Probe(body_of(f"bi{kind}", lookahead=lookahead, **options), length=length)
    probe.network = probe.network._replace(features=probe.network.hidden)
    probe.params = probe.params[: probe.network.head_start + probe.outputs * (probe.network.hidden + 1)]
    raw = np.random.default_rng(1).normal(size=(length, INPUTS))
    probe.events = probe.events._replace(X=reference.ahead(raw, lookahead))
    return probe


@KINDS
@LOOKAHEADS
def test_outputs_are_those_of_a_pass_in_each_direction(kind: str, lookahead: int) -> None:
    probe = probe_of(kind, lookahead)
    p = reference.split(probe.network, probe.params)
    begin = np.split(probe.state[HIDDEN:], 2)[
        1
    ]  # after the outputs forward come the cell's states, backward and forward
    begins, X = np.array([begin, 0 * begin]), probe.events.X[:, :INPUTS]
    made = reference.bidirectional(reference.CELLS[kind], p, X, begins, lookahead)
    np.testing.assert_allclose(probe.run()["out"], made @ p["V"].T + p["c"], rtol=1e-12, atol=1e-13)


@KINDS
@LOOKAHEADS
def test_weight_gradient_holds_to_the_end_of_a_sequence(kind: str, lookahead: int) -> None:
    probe = probe_of(kind, lookahead)
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, finite_differences(lambda: probe.run()["loss"], probe.params)) <= 1e-6


@pytest.mark.parametrize("activation", Activation, ids=lambda activation: activation.name.lower())
def test_weight_gradient_holds_for_every_activation(activation: Activation) -> None:
    probe = probe_of("rnn", OPTIONS["lookahead"], activation=activation.value)
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, finite_differences(lambda: probe.run()["loss"], probe.params)) <= 1e-6


def test_weight_gradient_holds_below_another_layer() -> None:
    probe = Probe(body_of("bigru>gru"))
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, finite_differences(lambda: probe.run()["loss"], probe.params)) <= 1e-6


@KINDS
def test_input_gradient_is_the_slope_of_the_loss_and_none_in_what_is_not_there(kind: str) -> None:
    probe = probe_of(kind, lookahead=4, length=2)
    found = probe.run(window=LENGTH)["d_input"]
    first = probe.events.X[0]
    there = first[: 2 * INPUTS]
    assert relative_error(found[: 2 * INPUTS], finite_differences(lambda: probe.run()["loss"], there)) <= 1e-6
    assert not found[2 * INPUTS :].any()


@KINDS
@pytest.mark.parametrize("asked", [[0], [3, 7], [LENGTH - 1], [0, LENGTH - 1]], ids=str)
def test_gradient_holds_where_few_events_have_errors(kind: str, asked: list[int]) -> None:
    probe = probe_of(kind, lookahead=2)
    probe.events = probe.events._replace(asked=np.isin(np.arange(LENGTH), asked))
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, finite_differences(lambda: probe.run()["loss"], probe.params)) <= 1e-6
