"""What a live job learns with: the settings of the job file, on top of those of the checkpoint that it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.file import read
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs import words
from stream_rnn.jobs.live.payloads import EVENT_FIELDS, ORIGIN_FIELDS
from stream_rnn.jobs.models import EngineModel, RaceModel
from stream_rnn.jobs.words import WordRules
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
        _verify(data)
        return Path(path), data
    found = CheckpointFolder(path).newest(verify=_verify)
    if found is None:
        raise CheckpointError(f"begin_with: the folder {path} has no checkpoint")
    return found


def resolve_model(
    given: dict[str, Any] | RaceConfig, initial: CheckpointData | None, rules: WordRules | None = None
) -> EngineModel | RaceModel:
    """Return the model of a job: what is given, completed by the checkpoint that it starts from.

    Parameters
    ----------
    given
        Settings of an engine by name, or a race. The settings of an engine are those of all members if the checkpoint
        is of a race.
    initial
        The checkpoint, if any.
    rules
        Which columns are words.

    Raises
    ------
    SettingError
        If a setting is wrong, or inputs or targets do not fit a live job.

    Examples
    --------
    >>> resolve_model({"inputs": ("load",), "targets": ("temperature",)}, None).settings.inputs
    ('load', 'temperature')
    >>> resolve_model({"inputs": ("load",)}, None, WordRules(("valve",), 1)).settings.inputs
    ('load', 'valve#1', 'valve#other')
    """

    def parse(values: dict[str, Any]) -> Settings:
        return _resolve(values, rules or WordRules())

    saved = initial.race if initial is not None else None
    if isinstance(given, RaceConfig):
        known = saved["members"] if saved is not None else {}
        config = given._replace(
            members={name: _completed(values, known.get(name, {})) for name, values in given.members.items()}
        )
    elif initial is not None and saved is not None:
        members = {name: _completed(given, values) for name, values in saved["members"].items()}
        config = RaceConfig(members, race_settings_of(initial))
    else:
        return EngineModel(parse(_completed(given, initial.settings.describe() if initial is not None else {})))
    return RaceModel(parse_members(config, parse), config.race)


def _completed(given: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return the given settings of an engine, completed by the known ones; a preset sees their inputs."""
    return known | expand({"inputs": known["inputs"]} | given) if known else given


def _resolve(values: dict[str, Any], rules: WordRules) -> Settings:
    """Return the settings of an engine with the inputs and targets that it has in a live job."""
    if "inputs" not in values:
        raise SettingError("inputs must be set for a live job: columns of a topic are not detected")
    settings = Settings.parse(values | _columns(Settings.parse(values), rules))
    for name in settings.target_names:
        if name in RESERVED_NAMES:
            raise SettingError(
                f"targets must not be named {', '.join(RESERVED_NAMES)}, which are fields of the output, got {name!r}"
            )
    return settings


def _verify(data: CheckpointData) -> None:
    verify(data)
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
