"""Settings from a TOML file and the command line together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from stream_rnn.config import Settings
from stream_rnn.errors import SettingError, nearest
from stream_rnn.job_settings import JobSettings

TABLES = {"job": JobSettings, "engine": Settings}


def gather(path: str | None, options: dict[str, Any]) -> tuple[JobSettings, dict[str, Any]]:
    """Return the job's settings, and the engine's by name: the file's, overridden by the options that were given.

    Raises
    ------
    SettingError
        If the file cannot be read or is not TOML, or names an unknown table or setting.
    """
    tables = read(path) if path is not None else {"job": {}, "engine": {}}
    for name, value in options.items():
        if value is not None:
            table = "job" if name in JobSettings.__struct_fields__ else "engine"
            tables[table][name] = value
    try:
        return JobSettings.parse(tables["job"]), tables["engine"]
    except SettingError as error:
        raise _placed(error, path) from None


def read(path: str) -> dict[str, dict[str, Any]]:
    """Return the tables [job] and [engine] of a file, with known names only."""
    try:
        found = msgspec.toml.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is not TOML: {error}") from None
    for name, table in found.items():
        if name not in TABLES or not isinstance(table, dict):
            raise SettingError(f"{path}: unknown table {name!r}, there are [job] and [engine]")
        known = TABLES[name].__struct_fields__
        for setting in table:
            if setting not in known:
                raise SettingError(f"{path}: unknown setting {setting!r} in [{name}]{_hint(setting, name)}")
    return {name: dict(found.get(name, {})) for name in TABLES}


def _hint(setting: str, table: str) -> str:
    """Name the nearest setting, or the other table if it belongs there."""
    for name, struct in TABLES.items():
        if name != table and setting in struct.__struct_fields__:
            return f"; it belongs to [{name}]"
    return nearest(setting, TABLES[table].__struct_fields__)


def _placed(error: SettingError, path: str | None) -> SettingError:
    return error if path is None else SettingError(f"{path}: {error}")
