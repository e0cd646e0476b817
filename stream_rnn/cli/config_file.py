"""Settings from a TOML file and the command line together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from stream_rnn.config import Settings
from stream_rnn.errors import SettingError, nearest
from stream_rnn.job_settings import JobSettings
from stream_rnn.live_settings import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Callable

Parsed = TypeVar("Parsed")

TABLES: dict[str, type[msgspec.Struct]] = {"job": JobSettings, "kafka": LiveSettings, "engine": Settings}
_TABLES = "[job], [kafka] and [engine]"


def gather(path: str | None, options: dict[str, Any]) -> tuple[JobSettings, dict[str, Any]]:
    """Return a replay's settings, and the engine's by name: the file's, overridden by the options that were given.

    Raises
    ------
    SettingError
        If the file cannot be read or is not TOML, or names an unknown table or setting.
    """
    return _gather(path, options, "job", JobSettings.parse)


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


def read(path: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a file, with known names only."""
    try:
        found = msgspec.toml.decode(Path(path).read_bytes())
    except OSError as error:
        raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: is not TOML: {error}") from None
    for name, table in found.items():
        if name not in TABLES or not isinstance(table, dict):
            raise SettingError(f"{path}: unknown table {name!r}, there are {_TABLES}")
        for setting in table:
            if setting not in _settings(name):
                raise SettingError(f"{path}: unknown setting {setting!r} in [{name}]{_hint(setting, name)}")
    return {name: dict(found.get(name, {})) for name in TABLES}


def _hint(setting: str, table: str) -> str:
    """Name the nearest setting, or the other table if it belongs there."""
    for name, struct in TABLES.items():
        if name != table and setting in struct.__struct_fields__:
            return f"; it belongs to [{name}]"
    return nearest(setting, _settings(table))


def _settings(table: str) -> tuple[str, ...]:
    """Return the names that a table may have."""
    return (*TABLES[table].__struct_fields__, *(("preset",) if table == "engine" else ()))


def _placed(error: SettingError, path: str | None) -> SettingError:
    return error if path is None else SettingError(f"{path}: {error}")
