"""Recurrent neural networks that learn online, one event at a time, on many streams.

Importing this package compiles nothing and does not import numba: names are fetched when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_rnn.engine.engine import Engine
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.errors import CheckpointError, DataError, SettingError, StreamRNNError
    from stream_rnn.race.race import Race
    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.race import RaceSettings

__all__ = [
    "CheckpointError",
    "DataError",
    "Engine",
    "Race",
    "RaceSettings",
    "SettingError",
    "Settings",
    "StreamRNNError",
    "Vocabulary",
]

_HOME = {
    "CheckpointError": "errors",
    "DataError": "errors",
    "Engine": "engine.engine",
    "Race": "race.race",
    "RaceSettings": "settings.race",
    "SettingError": "errors",
    "Settings": "settings.engine",
    "StreamRNNError": "errors",
    "Vocabulary": "engine.vocabulary",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
