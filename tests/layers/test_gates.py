"""The positions of gates in the tape of a layer, and of layers in the arrays of a stack."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from probe import BODIES, INPUTS, LAYERS, body_of

from stream_rnn.kernels.activations import Activation
from stream_rnn.layers.beside import Beside
from stream_rnn.layers.conv import Conv
from stream_rnn.layers.dense import Dense
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.gru import GRU
from stream_rnn.layers.layer import parameter_count, parameter_slices
from stream_rnn.layers.lstm import LSTM
from stream_rnn.layers.rnn import RNN
from stream_rnn.layers.stack import stack, stacked_layers


@pytest.mark.parametrize("layer", LAYERS)
def test_gates_are_inside_the_tape_and_do_not_overlap(layer: str) -> None:
    body = body_of(layer)
    gates = sorted(gates_of(body), key=lambda gate: gate.start)
    assert all(0 <= gate.start < gate.stop <= body.sizes.tape for gate in gates)
    assert all(one.stop <= other.start for one, other in pairwise(gates))


@pytest.mark.parametrize("make", [RNN, Dense, lambda i, h, activation: Conv(i, h, 2, activation)])
def test_only_units_that_saturate_are_gates(make: Any) -> None:
    counts = {activation: len(gates_of(make(2, 3, activation.value))) for activation in Activation}
    assert counts == {Activation.IDENTITY: 0, Activation.TANH: 1, Activation.RELU: 0, Activation.SIGMOID: 1}


@pytest.mark.parametrize("body", [*BODIES, "dense>gru>lstm"])
def test_the_layers_of_a_stack_divide_its_arrays_between_them(body: str) -> None:
    whole = body_of(body)
    for array in ("params", "state", "tape"):
        parts = sorted((getattr(part, array), getattr(part.layer.sizes, array)) for part in stacked_layers(whole))
        first = getattr(whole.split, array) if isinstance(whole, Beside) else 0
        assert [start for start, _ in parts] == np.cumsum([first, *(size for _, size in parts[:-1])]).tolist()
        assert first + sum(size for _, size in parts) == getattr(whole.sizes, array)


def test_the_parameters_of_a_stack_have_prefixes_and_are_where_each_layer_says() -> None:
    whole = body_of("dense>gru>lstm")
    table = {parameter.name: part for parameter, part in parameter_slices(whole.parameters())}
    for layer in stacked_layers(whole):
        for parameter, part in parameter_slices(layer.layer.parameters()):
            expected = slice(layer.params + part.start, layer.params + part.stop)
            assert table[f"{layer.prefix}{parameter.name}"] == expected


def test_a_single_layer_counts_as_a_stack_of_one() -> None:
    (layer,) = stacked_layers(GRU(2, 3))
    assert layer == (GRU(2, 3), "", 0, 0, 0, 0, 0, None)


def test_a_stack_inside_a_stack_is_listed_by_its_layers() -> None:
    lower = stack(Dense(INPUTS, 4), GRU(4, 5))
    layers = stacked_layers(stack(lower, LSTM(5, 2)))
    assert [layer.prefix for layer in layers] == ["0.0.", "0.1.", "1."]
    assert [type(layer.layer) for layer in layers] == [Dense, GRU, LSTM]
    total = sum(parameter_count(layer.layer.parameters()) for layer in layers)
    assert total == stack(lower, LSTM(5, 2)).sizes.params
