"""Settings from a job file (TOML) and the command line; options override the file."""

from __future__ import annotations

import reprlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stream_rnn.cli.arguments.members import named_members
from stream_rnn.errors import SettingError, nearest
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.mqtt import MqttSettings
from stream_rnn.settings.race import PRESETS as RACES
from stream_rnn.settings.race import RaceConfig, RaceSettings, preset
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Values = dict[str, Any]
    """Settings by name."""
    ModelValues = Values | RaceConfig
    """Settings of an engine by name, or a race."""

TABLES: dict[str, type[msgspec.Struct]] = {"job": ReplaySettings, "kafka": LiveSettings, "engine": Settings}
"""Tables of a job file, and the settings that each holds."""
RACE_TABLES: dict[str, type[msgspec.Struct]] = TABLES | {"race": RaceSettings, "mqtt": MqttSettings}


def gather(path: str | None, options: Mapping[str, Any]) -> tuple[ReplaySettings, Values]:
    """Return the settings of a replay, and those of a single engine by name.

    Parameters
    ----------
    path
        A job file, or None.
    options
        Options of the command line by setting; None where an option was not given.

    Raises
    ------
    SettingError
        If the file cannot be read or is not TOML, names an unknown table or setting, or a value is not allowed.
    """
    tables = _tables(_read(path), path, TABLES)
    _override(tables, options, "job")
    with _naming(path):
        return ReplaySettings.parse(tables["job"]), tables["engine"]


def gather_replay(path: str | None, options: Mapping[str, Any]) -> tuple[ReplaySettings, ModelValues]:
    """Return the settings of a replay, and those of its engine or race; parameters and errors as for `gather`.

    It is a race if there are tables [members.NAME], or the preset is one of a race.
    """
    document, members = _split(_read(path), path)
    tables = _tables(document, path, RACE_TABLES)
    _override(tables, options, "job")
    with _naming(path):
        return ReplaySettings.parse(tables["job"]), _model(tables, members)


def gather_live(path: str | None, options: Mapping[str, Any]) -> tuple[LiveSettings | MqttSettings, ModelValues]:
    """Return the settings of a live job, and those of its engine or race; as `gather_replay`.

    It reads MQTT if there is a table [mqtt]; both this and [kafka] are an error.
    """
    document = _read(path)
    if "mqtt" not in document:
        return gather_kafka(path, options)
    if "kafka" in document:
        raise SettingError(f"{path}: [kafka] and [mqtt] exclude each other: a job has one source")
    values, model = _gather_job(document, path, options, "mqtt")
    with _naming(path):
        return MqttSettings.parse(values), model


def gather_kafka(path: str | None, options: Mapping[str, Any]) -> tuple[LiveSettings, ModelValues]:
    """Return the settings of a live job of Kafka, and those of its engine or race; as `gather_replay`."""
    values, model = _gather_job(_read(path), path, options, "kafka")
    with _naming(path):
        return LiveSettings.parse(values), model


def _gather_job(
    document: Values, path: str | None, options: Mapping[str, Any], table: str
) -> tuple[Values, ModelValues]:
    """Return the values of a table of a job, and the settings of its engine or race."""
    document, members = _split(document, path)
    tables = _tables(document, path, RACE_TABLES)
    _override(tables, options, table)
    with _naming(path):
        return tables[table], _model(tables, members)


def gather_race(
    path: str | None, options: Mapping[str, Any], names: tuple[str, ...] | None
) -> tuple[ReplaySettings, RaceConfig]:
    """Return the settings of a replay, and those of a race.

    Parameters
    ----------
    path
        A job file, or None. All members share the settings in [engine]; each [members.NAME] has a member's own. Both
        override the settings of a member's preset.
    options
        Options of the command line by setting; those of the engine are shared by all members.
    names
        Members by name, such as ``lru+rls`` or a preset, instead of those in the file; see `named_members`.

    Raises
    ------
    SettingError
        As `gather`, and if there are no members.
    """
    document, file_members = _split(_read(path), path)
    members = file_members if names is None else named_members(names)
    tables = _tables(document, path, RACE_TABLES)
    _override(tables, options, "job", "race")
    with _naming(path):
        model = _model(tables, members)
        if not isinstance(model, RaceConfig):
            raise SettingError(
                "members are required: use --members lru+rls,gru, --preset auto, or tables [members.NAME] in a job file"
            )
        return ReplaySettings.parse(tables["job"]), model


def _model(tables: dict[str, Values], members: dict[str, Values]) -> ModelValues:
    """Return a race if there are members or a race's preset, or the settings of an engine."""
    engine, race = tables["engine"], tables["race"]
    if members:
        return RaceConfig({name: engine | values for name, values in members.items()}, RaceSettings.parse(race))
    if (name := engine.get("preset")) in RACES:
        found = preset(name, {setting: value for setting, value in engine.items() if setting != "preset"})
        return found._replace(race=RaceSettings.parse(found.race.describe() | race))
    if race:
        raise SettingError("[race] needs a race: set preset to auto in [engine], or add tables [members.NAME]")
    return engine


def _read(path: str | None) -> Values:
    """Return the content of a TOML file; empty without a file."""
    if path is None:
        return {}
    try:
        document: Values = msgspec.toml.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise SettingError(f"{path}: is nested too deeply: a job file has tables of settings and lists") from None
    return document


def _tables(document: Values, path: str | None, known: Mapping[str, type[msgspec.Struct]]) -> dict[str, Values]:
    """Return the settings in each known table, empty if the table is absent; refuse unknown tables and settings."""
    for name, table in document.items():
        if name not in known or not isinstance(table, dict):
            *others, last = (f"[{table_name}]" for table_name in known)
            raise SettingError(f"{path}: unknown table {name!r}; there are {', '.join(others)} and {last}")
        _refuse_unknown(table, path, name, name)
    return {name: dict(document.get(name, {})) for name in known}


def _split(document: Values, path: str | None) -> tuple[Values, dict[str, Values]]:
    """Return the tables of a job file without its members, and these; refuse anything but tables of known settings."""
    members = document.get("members", {})
    if not isinstance(members, dict) or not all(isinstance(values, dict) for values in members.values()):
        raise SettingError(f"{path}: members must be tables [members.NAME], got {reprlib.repr(members)}")
    for name, values in members.items():
        _refuse_unknown(values, path, f"members.{name}", "engine")
    return {name: table for name, table in document.items() if name != "members"}, members


def _override(tables: dict[str, Values], options: Mapping[str, Any], *job_tables: str) -> None:
    """Set the options that were given: in the first of these tables that has the setting, otherwise in [engine]."""
    for name, value in options.items():
        if value is not None:
            homes = (table for table in job_tables if name in RACE_TABLES[table].__struct_fields__)
            tables[next(homes, "engine")][name] = value


def _refuse_unknown(values: Values, path: str | None, shown: str, table: str) -> None:
    for setting in values:
        if setting not in _allowed(table):
            raise SettingError(f"{path}: unknown setting {setting!r} in [{shown}]{_hint(setting, table)}")


def _hint(setting: str, table: str) -> str:
    """Name the table that has the setting, or the most similar setting of this table."""
    for name, struct in RACE_TABLES.items():
        is_other = name != table and {name, table} != {"kafka", "mqtt"}  # a job has one of these two
        if is_other and setting in struct.__struct_fields__:
            return f"; it belongs to [{name}]"
    return nearest(setting, _allowed(table))


def _allowed(table: str) -> tuple[str, ...]:
    return (*RACE_TABLES[table].__struct_fields__, *(("preset",) if table == "engine" else ()))


@contextmanager
def _naming(path: str | None) -> Iterator[None]:
    """Prefix errors with the name of the job file, if there is one."""
    try:
        yield
    except SettingError as error:
        raise error if path is None else SettingError(f"{path}: {error}") from None
