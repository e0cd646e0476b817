"""Settings from a TOML file and the command line together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from stream_rnn.errors import SettingError, nearest
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.presets import PRESETS
from stream_rnn.settings.race import RaceConfig, RaceSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

Parsed = TypeVar("Parsed")

TABLES: dict[str, type[msgspec.Struct]] = {"job": ReplaySettings, "kafka": LiveSettings, "engine": Settings}
RACE_TABLES: dict[str, type[msgspec.Struct]] = TABLES | {"race": RaceSettings}


def gather(path: str | None, options: dict[str, Any]) -> tuple[ReplaySettings, dict[str, Any]]:
    """Return a replay's settings, and the engine's by name: the file's, overridden by the options that were given.

    Raises
    ------
    SettingError
        If the file cannot be read or is not TOML, or names an unknown table or setting.
    """
    return _gather(path, options, "job", ReplaySettings.parse)


def gather_live(path: str | None, options: dict[str, Any]) -> tuple[LiveSettings, dict[str, Any]]:
    """Return a live job's settings, and the engine's by name, as `gather` does."""
    return _gather(path, options, "kafka", LiveSettings.parse)


def _gather(
    path: str | None, options: dict[str, Any], table: str, parse: Callable[[dict[str, Any]], Parsed]
) -> tuple[Parsed, dict[str, Any]]:
    tables = read(path) if path is not None else {name: {} for name in TABLES}
    for name, value in options.items():
        if value is not None:
            tables[table if name in TABLES[table].__struct_fields__ else "engine"][name] = value
    try:
        return parse(tables[table]), tables["engine"]
    except SettingError as error:
        raise _placed(error, path) from None


def gather_race(
    path: str | None, options: dict[str, Any], names: tuple[str, ...] | None
) -> tuple[ReplaySettings, RaceConfig]:
    """Return a race's settings: the file's, overridden by the options that were given.

    Parameters
    ----------
    path
        A file with the tables [job], [engine], which all members have in common, [race], and one
        [members.NAME] for each, with what is its own of an engine's settings. A preset's settings give way to both.
    options
        Settings of the job, the race, and the engine that all have in common.
    names
        Members by their layer, and +rls for that readout, as ``lru+rls``, or by a preset, instead of the file's.

    Raises
    ------
    SettingError
        As `gather`, and if nobody is named.
    """
    found = _decode(path) if path is not None else {}
    if names is not None and len(set(names)) < len(names):
        raise SettingError(f"members must be different, got {','.join(names)}")
    members = found.pop("members", {}) if names is None else {name: _member(name) for name in names}
    found.pop("members", None)
    tables = _known(found, path or "", RACE_TABLES)
    if not isinstance(members, dict) or not all(isinstance(own, dict) for own in members.values()):
        raise SettingError(f"{path}: members must be tables [members.NAME], got {members!r}")
    for name, own in members.items():
        _refuse_unknown(own, path or "", f"members.{name}", "engine")
    if not members:
        raise SettingError("members are needed: --members lru+rls,gru, or tables [members.NAME] of the file")
    for name, value in options.items():
        if value is not None:
            of = (table for table in ("job", "race") if name in RACE_TABLES[table].__struct_fields__)
            table = next(of, "engine")
            tables[table][name] = value
    try:
        race = RaceSettings.parse(tables["race"])
        return ReplaySettings.parse(tables["job"]), RaceConfig(
            {name: tables["engine"] | own for name, own in members.items()}, race
        )
    except SettingError as error:
        raise _placed(error, path) from None


def _member(name: str) -> dict[str, Any]:
    """Return the settings of a member that is named by its layer, or by a preset."""
    if name in PRESETS:
        return {"preset": name}
    layer, plus, readout = name.partition("+")
    return {"layer": layer} | ({"readout": readout} if plus else {})


def read(path: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a file, with known names only."""
    return _known(_decode(path), path, TABLES)


def _decode(path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.toml.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is not TOML: {error}") from None
    return found


def _known(found: dict[str, Any], path: str, tables: dict[str, type[msgspec.Struct]]) -> dict[str, dict[str, Any]]:
    """Return each table's settings, none where it is not there."""
    for name, table in found.items():
        if name not in tables or not isinstance(table, dict):
            *most, last = (f"[{known}]" for known in tables)
            raise SettingError(f"{path}: unknown table {name!r}, there are {', '.join(most)} and {last}")
        _refuse_unknown(table, path, name, name)
    return {name: dict(found.get(name, {})) for name in tables}


def _refuse_unknown(table: dict[str, Any], path: str, shown: str, kind: str) -> None:
    for setting in table:
        if setting not in _settings(kind):
            raise SettingError(f"{path}: unknown setting {setting!r} in [{shown}]{_hint(setting, kind)}")


def _hint(setting: str, table: str) -> str:
    """Name the nearest setting, or the other table if it belongs there."""
    for name, struct in RACE_TABLES.items():
        if name != table and setting in struct.__struct_fields__:
            return f"; it belongs to [{name}]"
    return nearest(setting, _settings(table))


def _settings(table: str) -> tuple[str, ...]:
    """Return the names that a table may have."""
    return (*RACE_TABLES[table].__struct_fields__, *(("preset",) if table == "engine" else ()))


def _placed(error: SettingError, path: str | None) -> SettingError:
    return error if path is None else SettingError(f"{path}: {error}")
