"""The default model of a command: the race of preset auto."""

from __future__ import annotations

from typing import Any

from stream_rnn.settings.race import DEFAULT, RaceConfig, chosen_model

HINT = f"preset {DEFAULT}, as no network is set; preset plain is a single network"
"""Message to the user if the default model is used."""


def or_default(model: dict[str, Any] | RaceConfig) -> dict[str, Any] | RaceConfig:
    """Return the model, or the default race if the settings of an engine neither name a preset nor need an engine.

    Examples
    --------
    >>> or_default({"inputs": ("load",), "hidden": (8,)})
    {'inputs': ('load',), 'hidden': (8,)}
    >>> list(or_default({"inputs": ("load",)}).members)
    ['forecast', 'linear']
    """
    return model if isinstance(model, RaceConfig) else chosen_model(model)
