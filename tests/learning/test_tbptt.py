"""Truncated backpropagation through time: what a window includes, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, LENGTH, Probe, Sequence, body_of, relative_error

CUT = [name for name in BODIES if body_of(name).carries != "below"]
"""Those whose gradient a window cuts; what is carried forward needs none."""

WINDOWED = [name for name in LAYERS if body_of(name).carries == "window"]


def part(events: Sequence, start: int) -> Sequence:
    return Sequence(*(array[start:] for array in events))


@pytest.mark.parametrize("layer", reference.CELLS)
def test_a_window_as_long_as_the_sequence_is_full_backpropagation(layer: str) -> None:
    probe = Probe(body_of(layer, hidden=3))

    def loss() -> float:
        made = reference.outputs(reference.CELLS[layer], probe.network, probe.params, probe.events.X, probe.state)
        return float(((made - probe.events.Z) ** 2).sum())

    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, probe.slope(loss)) <= 1e-6


@pytest.mark.parametrize("window", [1, 4, LENGTH - 1])
@pytest.mark.parametrize("body", CUT)
def test_a_shorter_window_holds_the_state_at_its_start_constant(body: str, window: int) -> None:
    probe = Probe(body_of(body))
    asked = np.arange(LENGTH) >= LENGTH - min(window, 2)
    events = probe.events._replace(asked=asked)
    before = LENGTH - window
    start = probe.run(events=Sequence(*(array[:before] for array in events)))["state"]
    inside = part(events, before)
    expected = probe.slope(lambda: probe.run(events=inside, state=start)["loss"])
    assert relative_error(probe.run(window=window, events=events)["gradient"], expected) <= 1e-6


@pytest.mark.parametrize("layer", WINDOWED)
def test_a_longer_window_finds_another_gradient(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events._replace(asked=np.arange(LENGTH) == LENGTH - 1)
    short, long = (probe.run(window=window, events=events)["gradient"] for window in (2, LENGTH))
    assert relative_error(short, long) > 1e-3


@pytest.mark.parametrize("layer", [name for name in LAYERS if name not in WINDOWED])
def test_a_layer_that_carries_no_gradient_of_its_own_needs_no_window(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events._replace(asked=np.arange(LENGTH) == LENGTH - 1)
    short, long = (probe.run(window=window, events=events)["gradient"] for window in (1, LENGTH))
    np.testing.assert_allclose(short, long, rtol=1e-12)


@pytest.mark.parametrize("body", BODIES)
def test_a_window_beyond_the_sequence_ends_where_it_began(body: str) -> None:
    probe = Probe(body_of(body))
    exact, beyond = (probe.run(window=window)["gradient"] for window in (LENGTH, 3 * LENGTH))
    np.testing.assert_array_equal(exact, beyond)


@pytest.mark.parametrize("body", BODIES)
def test_an_error_older_than_the_window_trains_the_readout_alone(body: str) -> None:
    probe = Probe(body_of(body))
    old = 2
    events = probe.events._replace(asked=np.arange(LENGTH) == old)
    run = probe.run(window=4, events=events)
    gradient, readout = run["gradient"], probe.network.head_start
    e = 2 * (run["out"][old] - events.Z[old])
    features = probe.run(events=Sequence(*(array[: old + 1] for array in events)))["state"][: probe.network.hidden]
    dV = np.outer(e, np.concatenate([features, events.X[old]]))
    assert not gradient[:readout].any()
    np.testing.assert_allclose(gradient[readout:], np.concatenate([dV.ravel(), e]), rtol=1e-12)
