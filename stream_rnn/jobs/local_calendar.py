"""The calendar inputs of a job's engines follow the local clock of its times."""

from __future__ import annotations

from typing import Any

from stream_rnn.settings.race import RaceConfig


def in_timezone(engine_settings: dict[str, Any], timezone: str | None) -> dict[str, Any]:
    """Return the settings of an engine by name, with the time zone of the job unless they have their own.

    Examples
    --------
    >>> in_timezone({"calendar": "day"}, "Europe/Berlin")
    {'timezone': 'Europe/Berlin', 'calendar': 'day'}
    """
    return engine_settings if timezone is None else {"timezone": timezone} | engine_settings


def race_in_timezone(config: RaceConfig, timezone: str | None) -> RaceConfig:
    """Return a race whose members have the time zone of the job, unless they have their own."""
    return config._replace(members={name: in_timezone(values, timezone) for name, values in config.members.items()})


def model_in_timezone(model: dict[str, Any] | RaceConfig, timezone: str | None) -> dict[str, Any] | RaceConfig:
    """Return the settings of an engine or a race, with the time zone of the job unless they have their own."""
    return race_in_timezone(model, timezone) if isinstance(model, RaceConfig) else in_timezone(model, timezone)
