"""Recurrent neural networks that learn online, one event at a time, on many streams.

Importing this package compiles nothing and does not import numba: names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream_rnn.compiled.core import Counts
    from stream_rnn.engine.drift import Drift
    from stream_rnn.engine.engine import Engine
    from stream_rnn.engine.result import BatchResult, EventResult
    from stream_rnn.engine.shared import SharedEngine
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.errors import (
        CheckpointError,
        ConcurrentUseError,
        DataError,
        MissingExtraError,
        SettingError,
        StreamRNNError,
    )
    from stream_rnn.jobs.replay.run import replay
    from stream_rnn.learning.diagnosis import Diagnosis
    from stream_rnn.race.race import Race, Standing
    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.race import RaceSettings

__all__ = [
    "BatchResult",
    "CheckpointError",
    "ConcurrentUseError",
    "Counts",
    "DataError",
    "Diagnosis",
    "Drift",
    "Engine",
    "EventResult",
    "MissingExtraError",
    "Race",
    "RaceSettings",
    "SettingError",
    "Settings",
    "SharedEngine",
    "Standing",
    "StreamRNNError",
    "Vocabulary",
    "replay",
]

_MODULES = {
    "BatchResult": "engine.result",
    "CheckpointError": "errors",
    "ConcurrentUseError": "errors",
    "Counts": "compiled.core",
    "DataError": "errors",
    "Diagnosis": "learning.diagnosis",
    "Drift": "engine.drift",
    "Engine": "engine.engine",
    "EventResult": "engine.result",
    "MissingExtraError": "errors",
    "Race": "race.race",
    "RaceSettings": "settings.race",
    "SettingError": "errors",
    "Settings": "settings.engine",
    "SharedEngine": "engine.shared",
    "Standing": "race.race",
    "StreamRNNError": "errors",
    "Vocabulary": "engine.vocabulary",
    "replay": "jobs.replay.run",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
