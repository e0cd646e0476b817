"""The gradient of every layer, as computed by TBPTT, against finite differences in float64."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, LAYERS, LENGTH, NUMERIC, TOKENS, Probe, body_of, finite_differences, relative_error

from stream_rnn.kernels.activations import Activation
from stream_rnn.losses import LOSSES, LossName

TOLERANCE = 1e-6
"""Central differences in float64 have errors of about 1e-9."""

FIXED = [body for body in BODIES if any(p.role == "fixed" for p in body_of(body).parameters())]
MEMORYLESS = ["dense", "embedding", "none"]
ACTIVATED = [name for name in LAYERS if hasattr(body_of(name), "activation")]


@pytest.mark.parametrize("body", BODIES)
def test_weight_gradient_equals_finite_differences(body: str) -> None:
    probe = Probe(body_of(body))
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES)
def test_weight_gradient_equals_finite_differences_for_every_loss(loss: LossName) -> None:
    probe = Probe(body_of("dense"), loss)
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= TOLERANCE


@pytest.mark.parametrize("activation", Activation, ids=lambda activation: activation.name.lower())
@pytest.mark.parametrize("layer", ACTIVATED)
def test_weight_gradient_equals_finite_differences_for_every_activation(layer: str, activation: Activation) -> None:
    probe = Probe(body_of(layer, activation=activation.value))
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= TOLERANCE


@pytest.mark.parametrize("body", BODIES)
def test_weight_gradient_equals_finite_differences_where_the_state_fades(body: str) -> None:
    probe = Probe(body_of(body))
    without_fading = probe.gradient()
    probe.faded = np.random.default_rng(1).uniform(0.1, 0.9, LENGTH)
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= TOLERANCE
    assert (relative_error(probe.gradient(), without_fading) > 1e-3) == (body not in MEMORYLESS)


@pytest.mark.parametrize("body", FIXED)
def test_fixed_weights_have_no_gradient(body: str) -> None:
    probe = Probe(body_of(body))
    gradient = reference.split(probe.network, probe.gradient())
    assert not any(gradient[p.name].any() for p in probe.network.parameters() if p.role == "fixed")


@pytest.mark.parametrize("body", [body for body in NUMERIC if "|" not in body])
def test_input_gradient_equals_finite_differences(body: str) -> None:
    probe = Probe(body_of(body), skip=False)
    expected = finite_differences(probe.loss_of, probe.events.X[0])
    assert relative_error(probe.run(window=LENGTH)["d_input"], expected) <= TOLERANCE


@pytest.mark.parametrize("body", TOKENS)
def test_token_ids_have_no_gradient(body: str) -> None:
    assert not Probe(body_of(body)).run(window=LENGTH)["d_input"].any()


def test_only_the_vectors_of_tokens_that_occurred_have_a_gradient() -> None:
    probe = Probe(body_of("embedding"))
    probe.events.X[:, 0] = np.arange(LENGTH) % 2 * 3
    dE = reference.split(probe.network, probe.gradient())["E"]
    assert dE.any(axis=1).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize("body", BODIES)
def test_gradient_is_the_sum_over_the_events_with_errors(body: str) -> None:
    probe = Probe(body_of(body))
    parts = [probe.gradient(events=probe.events.with_errors_at(t)) for t in range(LENGTH)]
    np.testing.assert_allclose(np.sum(parts, axis=0), probe.gradient(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("body", BODIES)
def test_gradient_is_zero_without_errors(body: str) -> None:
    probe = Probe(body_of(body))
    assert not probe.gradient(events=probe.events.with_errors_at()).any()
