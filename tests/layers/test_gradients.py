"""Every layer's gradient, as TBPTT puts it together, against finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, LENGTH, NUMERIC, TOKENS, Probe, body_of, finite_differences, relative_error

from stream_rnn.kernels.activations import Activation
from stream_rnn.losses import LOSSES, LossName

TOLERANCE = 1e-6
"""Central differences in float64 are good to about 1e-9."""

FIXED = [body for body in BODIES if any(p.role == "fixed" for p in body_of(body).parameters())]
UNCARRIED = ["dense", "embedding", "none"]
"""Bodies of which an event sees nothing of those before it."""
ACTIVATED = [name for name in LAYERS if hasattr(body_of(name), "activation")]


@pytest.mark.parametrize("body", BODIES)
def test_weight_gradient_is_the_slope_of_the_loss(body: str) -> None:
    probe = Probe(body_of(body))
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
def test_weight_gradient_holds_for_every_loss(loss: LossName) -> None:
    probe = Probe(body_of("gru"), loss)
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE


@pytest.mark.parametrize("activation", Activation, ids=lambda activation: activation.name.lower())
@pytest.mark.parametrize("layer", ACTIVATED)
def test_weight_gradient_holds_for_every_activation(layer: str, activation: Activation) -> None:
    probe = Probe(body_of(layer, activation=activation.value))
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE


@pytest.mark.parametrize("body", BODIES)
def test_weight_gradient_holds_where_the_state_fades(body: str) -> None:
    probe = Probe(body_of(body))
    steady = probe.run(window=LENGTH)["gradient"]
    probe.faded = np.random.default_rng(1).uniform(0.1, 0.9, LENGTH)
    found = probe.run(window=LENGTH)["gradient"]
    assert relative_error(found, probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE
    assert (relative_error(found, steady) > 1e-3) == (body not in UNCARRIED)


@pytest.mark.parametrize("body", FIXED)
def test_fixed_weights_have_no_gradient(body: str) -> None:
    probe = Probe(body_of(body))
    gradient = reference.split(probe.network, probe.run(window=LENGTH)["gradient"])
    assert not any(gradient[p.name].any() for p in probe.network.parameters() if p.role == "fixed")


@pytest.mark.parametrize("body", NUMERIC)
def test_input_gradient_is_the_slope_of_the_loss(body: str) -> None:
    probe = Probe(body_of(body))
    probe.network = probe.network._replace(features=probe.network.hidden)  # no skip: only the body sees the input
    probe.params = probe.params[: probe.network.head_start + probe.outputs * (probe.network.hidden + 1)]
    found = probe.run(window=LENGTH)["d_input"]
    first = probe.events.X[0]
    assert relative_error(found, finite_differences(lambda: probe.run()["loss"], first)) <= TOLERANCE


@pytest.mark.parametrize("body", TOKENS)
def test_an_id_has_no_gradient(body: str) -> None:
    assert not Probe(body_of(body)).run(window=LENGTH)["d_input"].any()


def test_only_the_rows_of_tokens_that_came_have_a_gradient() -> None:
    probe = Probe(body_of("embedding"))
    probe.events.X[:, 0] = np.arange(LENGTH) % 2 * 3
    dE = reference.split(probe.network, probe.run(window=LENGTH)["gradient"])["E"]
    assert dE.any(axis=1).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("body", BODIES)
def test_gradient_adds_up_over_targets_and_events(body: str) -> None:
    probe = Probe(body_of(body))
    whole = probe.run(window=LENGTH)["gradient"]
    parts = [
        probe.run(window=LENGTH, events=probe.events._replace(asked=np.arange(LENGTH) == t))["gradient"]
        for t in range(LENGTH)
    ]
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("body", BODIES)
def test_no_error_no_gradient(body: str) -> None:
    probe = Probe(body_of(body))
    silent = probe.events._replace(asked=np.zeros(LENGTH, np.bool_))
    assert not probe.run(window=LENGTH, events=silent)["gradient"].any()
