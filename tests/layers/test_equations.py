"""Every layer against its textbook equations."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, HIDDEN, INPUTS, LAYERS, Probe, body_of

from stream_rnn.layers.layer import parameter_count
from stream_rnn.layers.stack import stack


@pytest.mark.parametrize("layer", reference.CELLS)
def test_outputs_follow_the_equations(layer: str) -> None:
    probe = Probe(body_of(layer))
    expected = reference.outputs(reference.CELLS[layer], probe.network, probe.params, probe.events.X, probe.state)
    np.testing.assert_allclose(probe.run()["out"], expected, rtol=1e-12, atol=1e-13)


def test_upper_layer_reads_the_output_of_the_lower_layer() -> None:
    probe = Probe(body_of("gru>dense"))
    p = reference.split(probe.network, probe.params)
    h, expected = probe.state[HIDDEN:], []
    for x in probe.events.X:
        h = reference.gru({name: p[f"0.{name}"] for name in "WUb"}, x, h)
        y = reference.dense({name: p[f"1.{name}"] for name in "Wb"}, h, h)
        expected.append(p["V"] @ np.concatenate([y, x]) + p["c"])
    np.testing.assert_allclose(probe.run()["out"], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("body", BODIES)
def test_outputs_do_not_depend_on_how_a_sequence_is_cut(body: str) -> None:
    probe = Probe(body_of(body))
    first = probe.run(events=probe.events.part(slice(4)))
    second = probe.run(events=probe.events.part(slice(4, None)), state=first["state"])
    np.testing.assert_array_equal(np.concatenate([first["out"], second["out"]]), probe.run()["out"])


@pytest.mark.parametrize("body", BODIES)
def test_parameter_table_has_the_size_that_the_layer_says(body: str) -> None:
    layer = body_of(body)
    assert parameter_count(layer.parameters()) == layer.sizes.params


@pytest.mark.parametrize("layer", LAYERS)
def test_state_starts_with_the_output(layer: str) -> None:
    sizes = body_of(layer).sizes
    assert sizes.state >= sizes.outputs
    assert sizes.outputs == INPUTS if layer == "none" else sizes.outputs % HIDDEN == 0


def test_stack_refuses_layers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="needs 3 inputs, got 9"):
        stack(body_of("gru"), body_of("dense"))


def test_stack_refuses_no_layers() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        stack()
