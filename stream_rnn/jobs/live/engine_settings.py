"""Settings of a live job's engines: those of the job file, on top of those of the checkpoint that they start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.file import read
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.engine.contents import verify_engine
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs import words
from stream_rnn.jobs.live.payloads import EVENT_FIELDS, ORIGIN_FIELDS
from stream_rnn.jobs.words import WordRules
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.presets import expand

if TYPE_CHECKING:
    from stream_rnn.checkpoints.file import CheckpointData

RESERVED_NAMES = (*EVENT_FIELDS, *ORIGIN_FIELDS)
"""Fields of the output, whose names targets must not have."""


def find_initial_checkpoint(path: str | None) -> tuple[Path, CheckpointData] | None:
    """Return the checkpoint that engines start from: a file, or the newest one of a folder.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    if path is None:
        return None
    if not Path(path).is_dir():
        data = read(path)
        _verify(data)
        return Path(path), data
    found = CheckpointFolder(path).newest(verify=_verify)
    if found is None:
        raise CheckpointError(f"begin_with: the folder {path} has no checkpoint")
    return found


def resolve_engine_settings(
    given: dict[str, Any], initial: CheckpointData | None, rules: WordRules | None = None
) -> Settings:
    """Return the given settings, completed by those of the checkpoint that engines start from.

    Raises
    ------
    SettingError
        If a setting is wrong, or inputs or targets do not fit a live job.

    Examples
    --------
    >>> resolve_engine_settings({"inputs": ("load",), "targets": ("temperature",)}, None).inputs
    ('load', 'temperature')
    >>> resolve_engine_settings({"inputs": ("load",)}, None, WordRules(("valve",), 1)).inputs
    ('load', 'valve#1', 'valve#other')
    """
    known = initial.settings.describe() if initial is not None else {}
    if "inputs" not in known | given:
        raise SettingError("inputs must be set for a live job: columns of a topic are not detected")
    settings = Settings.parse(known | expand(given))
    columns = _columns(settings, rules or WordRules())
    settings = Settings.parse(settings.describe() | columns)
    for name in settings.target_names:
        if name in RESERVED_NAMES:
            raise SettingError(
                f"targets must not be named {', '.join(RESERVED_NAMES)}, which are fields of the output, got {name!r}"
            )
    return settings


def _verify(data: CheckpointData) -> None:
    verify_engine(data)
    words.verify(data)


def _columns(settings: Settings, rules: WordRules) -> dict[str, tuple[str, ...]]:
    """Return the settings inputs and targets: inputs of states for categories, and targets of forecasts as inputs."""
    rules.check(settings)
    inputs = rules.inputs(settings.inputs)
    if settings.task != "forecast":
        return {"inputs": inputs}
    states = set(rules.inputs(()))
    targets = tuple(name for name in settings.target_names if name not in states and name not in rules.categories)
    if not targets:
        raise SettingError("inputs must have a column of numbers to forecast, got categories only")
    inputs += tuple(name for name in targets if name not in inputs)
    return {"inputs": inputs, "targets": targets} if rules.categories else {"inputs": inputs}
