"""Layers, one file each. A new layer is a new file and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

REGISTRY = {
    "rnn": "RNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "dense": "Dense",
}
"""The layers that settings can name: module and class."""


def layer_class(name: str) -> Any:
    """Return the class of a registered layer."""
    return getattr(import_module(f"stream_rnn.layers.{name}"), REGISTRY[name])
