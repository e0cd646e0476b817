"""Layers, one file each. A new layer is a new file, a name in `LayerName` and an entry in `REGISTRY`.

`LayerName` must list the keys of `REGISTRY`; type checkers need it as a literal, and a test compares the two. Importing
this package imports neither numba nor the files of the layers.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LayerName = Literal[
    "rnn",
    "gru",
    "gru_reset_before",
    "lstm",
    "lstm_peephole",
    "slstm",
    "dense",
    "none",
    "lru",
    "elstm",
    "columnar_gru",
    "mingru",
    "embedding",
    "conv",
    "reservoir",
    "birnn",
    "bigru",
    "bilstm",
]

REGISTRY: dict[LayerName, str] = {
    "rnn": "rnn.RNN",
    "gru": "gru.GRU",
    "gru_reset_before": "gru.GRUResetBefore",
    "lstm": "lstm.LSTM",
    "lstm_peephole": "lstm.PeepholeLSTM",
    "slstm": "slstm.SLSTM",
    "dense": "dense.Dense",
    "none": "none.none",
    "lru": "lru.LRU",
    "elstm": "elstm.ELSTM",
    "columnar_gru": "columnar_gru.ColumnarGRU",
    "mingru": "mingru.MinGRU",
    "embedding": "embedding.Embedding",
    "conv": "conv.Conv",
    "reservoir": "reservoir.Reservoir",
    "birnn": "bidirectional.birnn",
    "bigru": "bidirectional.bigru",
    "bilstm": "bidirectional.bilstm",
}
"""The layers that settings can name: module, and class or factory function."""

BIDIRECTIONAL = ("birnn", "bigru", "bilstm")
"""Layers whose input is an event with its lookahead, the events that follow it."""


def layer_class(name: LayerName) -> Callable[..., Any]:
    """Return the class, or the factory function, of a registered layer."""
    module, maker = REGISTRY[name].split(".")
    factory: Callable[..., Any] = getattr(import_module(f"stream_rnn.layers.{module}"), maker)
    return factory


def make_layer(name: LayerName, inputs: int, hidden: int, options: Mapping[str, Any]) -> Any:
    """Return a registered layer, built with those of the options that it accepts.

    Examples
    --------
    >>> make_layer("gru", inputs=3, hidden=8, options={"activation": 1}).sizes.outputs
    8
    """
    maker = layer_class(name)
    accepted = inspect.signature(maker).parameters
    return maker(inputs, hidden, **{option: value for option, value in options.items() if option in accepted})
