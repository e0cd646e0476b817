"""Truncated backpropagation through time: which errors and events the gradient of a window contains."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, LENGTH, Probe, body_of, relative_error

TRUNCATED = [name for name in BODIES if body_of(name).carries != "below"]
"""Bodies whose gradient depends on the window."""

WINDOWED = [name for name in LAYERS if body_of(name).carries == "window"]


@pytest.mark.parametrize("layer", reference.CELLS)
def test_a_window_as_long_as_the_sequence_is_full_backpropagation(layer: str) -> None:
    probe = Probe(body_of(layer, hidden=3))

    def loss() -> float:
        cell = reference.CELLS[layer]
        outputs = reference.outputs(cell, probe.network, probe.params, probe.events.X, probe.state)
        return float(((outputs - probe.events.Z) ** 2).sum())

    assert relative_error(probe.gradient(), probe.numeric_gradient(loss)) <= 1e-6


@pytest.mark.parametrize("window", [1, 4, LENGTH - 1])
@pytest.mark.parametrize("body", TRUNCATED)
def test_a_shorter_window_holds_the_state_at_its_start_constant(body: str, window: int) -> None:
    probe, start = Probe(body_of(body)), LENGTH - window
    events = probe.events.with_errors_at(*range(LENGTH - min(window, 2), LENGTH))
    state = probe.run(events=events.part(slice(start)))["state"]
    inside = events.part(slice(start, None))
    expected = probe.numeric_gradient(lambda: probe.loss_of(inside, state))
    assert relative_error(probe.gradient(window, events), expected) <= 1e-6


@pytest.mark.parametrize("layer", WINDOWED)
def test_a_longer_window_gives_another_gradient(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events.with_errors_at(LENGTH - 1)
    assert relative_error(probe.gradient(2, events), probe.gradient(LENGTH, events)) > 1e-3


@pytest.mark.parametrize("layer", [name for name in LAYERS if name not in WINDOWED])
def test_a_layer_that_carries_no_gradient_of_its_own_needs_no_window(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events.with_errors_at(LENGTH - 1)
    np.testing.assert_allclose(probe.gradient(1, events), probe.gradient(LENGTH, events), rtol=1e-12)


@pytest.mark.parametrize("body", BODIES)
def test_a_window_longer_than_the_sequence_stops_at_its_start(body: str) -> None:
    probe = Probe(body_of(body))
    np.testing.assert_array_equal(probe.gradient(LENGTH), probe.gradient(3 * LENGTH))


@pytest.mark.parametrize("body", BODIES)
def test_an_error_older_than_the_window_trains_the_readout_only(body: str) -> None:
    probe, old = Probe(body_of(body)), 2
    events = probe.events.with_errors_at(old)
    run = probe.run(window=4, events=events)
    gradient, head_start = run["gradient"], probe.network.head_start
    e = 2 * (run["out"][old] - events.Z[old])
    h = probe.run(events=events.part(slice(old + 1)))["state"][: probe.network.hidden]
    dV = np.outer(e, np.concatenate([h, events.X[old]]))
    assert not gradient[:head_start].any()
    np.testing.assert_allclose(gradient[head_start:], np.concatenate([dV.ravel(), e]), rtol=1e-12)
