"""What a live job learns with: the settings of the job file, on top of those of the checkpoint that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.file import read
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.payloads import EVENT_FIELDS, ORIGIN_FIELDS
from stream_rnn.jobs.models import EngineModel, RaceModel
from stream_rnn.race.snapshot import race_settings_of, verify
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.presets import expand
from stream_rnn.settings.race import RaceConfig, parse_members

if TYPE_CHECKING:
    from stream_rnn.checkpoints.file import CheckpointData

RESERVED_NAMES = (*EVENT_FIELDS, *ORIGIN_FIELDS)
"""Fields of the output, whose names targets must not have."""


def find_initial_checkpoint(path: str | None) -> tuple[Path, CheckpointData] | None:
    """Return the checkpoint that models start from: a file, or the newest one of a folder.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    if path is None:
        return None
    if not Path(path).is_dir():
        data = read(path)
        verify(data)
        return Path(path), data
    found = CheckpointFolder(path).newest(verify=verify)
    if found is None:
        raise CheckpointError(f"begin_with: the folder {path} has no checkpoint")
    return found


def resolve_model(given: dict[str, Any] | RaceConfig, initial: CheckpointData | None) -> EngineModel | RaceModel:
    """Return the model of a job: what is given, completed by the checkpoint that it starts from.

    Parameters
    ----------
    given
        Settings of an engine by name, or a race. The settings of an engine are those of all members if the checkpoint
        is of a race.
    initial
        The checkpoint, if any.

    Raises
    ------
    SettingError
        If a setting is wrong, or inputs or targets do not fit a live job.

    Examples
    --------
    >>> resolve_model({"inputs": ("load",), "targets": ("temperature",)}, None).settings.inputs
    ('load', 'temperature')
    """
    saved = initial.race if initial is not None else None
    if isinstance(given, RaceConfig):
        known = saved["members"] if saved is not None else {}
        config = given._replace(
            members={name: known.get(name, {}) | expand(values) for name, values in given.members.items()}
        )
    elif initial is not None and saved is not None:
        members = {name: values | expand(given) for name, values in saved["members"].items()}
        config = RaceConfig(members, race_settings_of(initial))
    else:
        own = initial.settings.describe() if initial is not None else {}
        return EngineModel(_resolve(own | expand(given)))
    return RaceModel(parse_members(config, _resolve), config.race)


def _resolve(values: dict[str, Any]) -> Settings:
    """Return the settings of an engine, in which the targets of a forecast are inputs as well."""
    if "inputs" not in values:
        raise SettingError("inputs must be set for a live job: columns of a topic are not detected")
    settings = Settings.parse(values)
    if settings.task == "forecast":
        missing = tuple(name for name in settings.target_names if name not in settings.inputs)
        settings = Settings.parse(settings.describe() | {"inputs": settings.inputs + missing})
    for name in settings.target_names:
        if name in RESERVED_NAMES:
            raise SettingError(
                f"targets must not be named {', '.join(RESERVED_NAMES)}, which are fields of the output, got {name!r}"
            )
    return settings
