"""A registered layer has everything that this package and its tests need of it."""

from __future__ import annotations

from typing import get_args

import pytest
import reference
from probe import LAYERS, OPTIONS, body_of

from stream_rnn.layers import BIDIRECTIONAL, REGISTRY, LayerName, make_layer
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.layer import accumulate, backward, forward

GATES = {
    "rnn": ["h"],
    "gru": ["n", "r", "z"],
    "gru_reset_before": ["n", "r", "z"],
    "lstm": ["i", "f", "o", "g", "t"],
    "lstm_peephole": ["i", "f", "o", "g", "t"],
    "slstm": ["a", "f", "o", "z"],
    "dense": ["y"],
    "none": [],
    "lru": ["y"],
    "elstm": [],
    "columnar_gru": [],
    "mingru": ["z"],
    "embedding": [],
    "conv": ["y"],
    "reservoir": ["t"],
    "birnn": ["forward.h", "backward.h"],
    "bigru": ["forward.n", "forward.r", "forward.z", "backward.n", "backward.r", "backward.z"],
    "bilstm": [f"{direction}.{gate}" for direction in ("forward", "backward") for gate in "ifogt"],
}
"""The gates of each registered layer, in the letters of its equations."""


def test_layer_names_are_the_keys_of_the_registry() -> None:
    assert get_args(LayerName) == tuple(REGISTRY)


def test_bidirectional_layers_are_registered() -> None:
    assert set(BIDIRECTIONAL) <= REGISTRY.keys()


def test_every_layer_has_reference_equations() -> None:
    assert reference.CELLS.keys() | reference.BIDIRECTIONAL_CELLS.keys() == REGISTRY.keys()


@pytest.mark.parametrize("function", [forward, backward, accumulate, gates_of], ids=lambda f: f.__name__)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_registers_its_functions(layer: str, function: object) -> None:
    dispatch = function.dispatch  # type: ignore[attr-defined]
    assert dispatch(type(body_of(layer))) is not dispatch(object)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_has_the_gates_of_its_equations(layer: str) -> None:
    assert [gate.name for gate in gates_of(body_of(layer))] == GATES[layer]


def test_something_that_is_not_a_layer_has_no_gates() -> None:
    with pytest.raises(TypeError, match="tuple must register gates_of"):
        gates_of(())


@pytest.mark.parametrize("layer", LAYERS)
def test_options_that_a_layer_does_not_have_are_ignored(layer: str) -> None:
    assert make_layer(layer, 3, 4, OPTIONS | {"other": 1}) == make_layer(layer, 3, 4, OPTIONS)  # type: ignore[arg-type]
