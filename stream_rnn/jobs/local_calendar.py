"""The calendar inputs of a job's engines follow the local clock of its times."""

from __future__ import annotations

from typing import Any


def in_timezone(engine_settings: dict[str, Any], timezone: str | None) -> dict[str, Any]:
    """Return the settings of an engine by name, with the time zone of the job unless they have their own.

    Examples
    --------
    >>> in_timezone({"calendar": "day"}, "Europe/Berlin")
    {'timezone': 'Europe/Berlin', 'calendar': 'day'}
    """
    return engine_settings if timezone is None else {"timezone": timezone} | engine_settings
