"""Every layer against its textbook equations."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from probe import BODIES, HIDDEN, INPUTS, LAYERS, Probe, body_of

from stream_rnn.layers.layer import parameter_count
from stream_rnn.layers.stack import stack


@pytest.mark.parametrize("layer", reference.CELLS)
def test_outputs_are_those_of_the_equations(layer: str) -> None:
    probe = Probe(body_of(layer))
    expected = reference.outputs(reference.CELLS[layer], probe.network, probe.params, probe.events.X, probe.state)
    np.testing.assert_allclose(probe.run()["out"], expected, rtol=1e-12, atol=1e-13)


def test_stack_feeds_the_upper_layer_with_the_lower_ones_output() -> None:
    probe = Probe(body_of("gru>dense"))
    p = reference.split(probe.network, probe.params)
    h, made = probe.state[HIDDEN:], []
    for x in probe.events.X:
        h = reference.gru({name: p[f"0.{name}"] for name in "WUb"}, x, h)
        y = reference.dense({name: p[f"1.{name}"] for name in "Wb"}, h, h)
        made.append(p["V"] @ np.concatenate([y, x]) + p["c"])
    np.testing.assert_allclose(probe.run()["out"], made, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("body", BODIES)
def test_a_sequence_in_two_pieces_is_the_sequence(body: str) -> None:
    probe = Probe(body_of(body))
    whole, events = probe.run(), probe.events
    first = probe.run(events=type(events)(*(part[:4] for part in events)))
    second = probe.run(events=type(events)(*(part[4:] for part in events)), state=first["state"])
    np.testing.assert_array_equal(np.concatenate([first["out"], second["out"]]), whole["out"])


@pytest.mark.parametrize("body", BODIES)
def test_parameter_table_is_as_long_as_the_sizes_say(body: str) -> None:
    layer = body_of(body)
    assert parameter_count(layer.parameters()) == layer.sizes.params


@pytest.mark.parametrize("layer", LAYERS)
def test_output_is_the_first_part_of_the_state(layer: str) -> None:
    sizes = body_of(layer).sizes
    assert sizes.state >= sizes.outputs
    assert sizes.outputs == INPUTS if layer == "none" else sizes.outputs % HIDDEN == 0


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="takes 3 inputs, got 9"):
        stack(body_of("gru"), body_of("dense"))


def test_a_stack_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer"):
        stack()
