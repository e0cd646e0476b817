"""Where gates lie in a layer's tape, and layers in a stack's arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from probe import BODIES, INPUTS, LAYERS, body_of

from stream_rnn.kernels.activations import Activation
from stream_rnn.layers.dense import Dense
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.gru import GRU
from stream_rnn.layers.layer import parameter_count, parameter_slices
from stream_rnn.layers.lstm import LSTM
from stream_rnn.layers.rnn import RNN
from stream_rnn.layers.stack import stacked_layers, stack


@pytest.mark.parametrize("layer", LAYERS)
def test_gates_lie_in_the_tape_apart_from_one_another(layer: str) -> None:
    body = body_of(layer)
    gates = sorted(gates_of(body), key=lambda gate: gate.start)
    assert all(0 <= gate.start < gate.stop <= body.sizes.tape for gate in gates)
    assert all(one.stop <= other.start for one, other in pairwise(gates))


@pytest.mark.parametrize("layer", [RNN, Dense])
def test_units_without_flat_ends_are_no_gate(layer: Any) -> None:
    kinds = {activation: len(gates_of(layer(2, 3, activation.value))) for activation in Activation}
    assert kinds == {Activation.IDENTITY: 0, Activation.TANH: 1, Activation.RELU: 0, Activation.SIGMOID: 1}


@pytest.mark.parametrize("body", [*BODIES, "dense>gru>lstm"])
def test_the_layers_of_a_stack_share_its_arrays_between_them(body: str) -> None:
    whole = body_of(body)
    found = stacked_layers(whole)
    for name in ("params", "state", "tape"):
        begins = sorted((getattr(place, name), getattr(place.layer.sizes, name)) for place in found)
        assert [start for start, _ in begins] == np.cumsum([0, *(size for _, size in begins[:-1])]).tolist()
        assert sum(size for _, size in begins) == getattr(whole.sizes, name)


def test_the_parameters_of_each_layer_are_named_and_stand_where_its_place_says() -> None:
    whole = body_of("dense>gru>lstm")
    table = {parameter.name: part for parameter, part in parameter_slices(whole.parameters())}
    for place in stacked_layers(whole):
        for parameter, part in parameter_slices(place.layer.parameters()):
            assert table[f"{place.name}{parameter.name}"] == slice(place.params + part.start, place.params + part.stop)


def test_a_layer_by_itself_is_a_stack_of_one() -> None:
    (place,) = stacked_layers(GRU(2, 3))
    assert place == (GRU(2, 3), "", 0, 0, 0, 0, None)


def test_a_stack_below_another_has_its_places_too() -> None:
    below = stack(Dense(INPUTS, 4), GRU(4, 5))
    found = stacked_layers(stack(below, LSTM(5, 2)))
    assert [place.name for place in found] == ["0.0.", "0.1.", "1."]
    assert [type(place.layer) for place in found] == [Dense, GRU, LSTM]
    assert sum(parameter_count(place.layer.parameters()) for place in found) == stack(below, LSTM(5, 2)).sizes.params
