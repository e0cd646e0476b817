"""Layers, one file each. A new layer is a new file and a line here."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REGISTRY = {
    "rnn": "rnn.RNN",
    "gru": "gru.GRU",
    "gru_reset_before": "gru.GRUResetBefore",
    "lstm": "lstm.LSTM",
    "lstm_peephole": "lstm.PeepholeLSTM",
    "dense": "dense.Dense",
    "none": "none.none",
    "lru": "lru.LRU",
    "elstm": "elstm.ELSTM",
    "columnar_gru": "columnar_gru.ColumnarGRU",
    "embedding": "embedding.Embedding",
    "conv": "conv.Conv",
    "reservoir": "reservoir.Reservoir",
    "birnn": "bidirectional.birnn",
    "bigru": "bidirectional.bigru",
    "bilstm": "bidirectional.bilstm",
}
"""The layers that settings can name: module and class, or the function that makes one."""

BIDIRECTIONAL = ("birnn", "bigru", "bilstm")
"""Those whose input is an event and the lookahead's after it."""


def layer_class(name: str) -> Callable[..., Any]:
    """Return what makes a registered layer."""
    module, maker = REGISTRY[name].split(".")
    found: Callable[..., Any] = getattr(import_module(f"stream_rnn.layers.{module}"), maker)
    return found


def make_layer(name: str, inputs: int, hidden: int, options: Mapping[str, Any]) -> Any:
    """Return a registered layer with those of the options that are for it."""
    maker = layer_class(name)
    taken = inspect.signature(maker).parameters
    return maker(inputs, hidden, **{option: value for option, value in options.items() if option in taken})
