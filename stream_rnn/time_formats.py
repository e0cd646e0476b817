"""Which formats of times, and which time zones, there are. Settings check them: NumPy is not needed for that."""

from __future__ import annotations

import re
import zoneinfo

from stream_rnn.errors import SettingError, nearest

EPOCH_UNITS = ("s", "ms", "us", "ns")
"""Time since 1970 in UTC."""
UNITS = (*EPOCH_UNITS, "excel")
"""Numbers: time since 1970 in this unit, or days as Excel counts them."""
FORMATS = ("auto", "iso", "day-first", "month-first", "year-first", *UNITS)
SHORTHANDS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_SAME = ("Yy", "mbB", "d", "j", "HI", "M", "S", "f", "p", "zZ", "aA")
"""Directives of which a format has at most one."""


def check_time_format(time_format: str) -> None:
    """Check a format of times.

    Raises
    ------
    SettingError
        If it is no known name, and for strptime has an unknown directive, one twice, or no year or month.

    Examples
    --------
    >>> check_time_format("%d.%m.%Y %H:%M")
    >>> check_time_format("%d.%m.%Y %Q")
    Traceback (most recent call last):
    ...
    stream_rnn.errors.SettingError: time_format has the unknown directive %Q, got '%d.%m.%Y %Q'
    """
    if time_format in FORMATS:
        return
    if "%" not in time_format:
        raise SettingError(
            f"time_format must be one of {', '.join(FORMATS)}, or for strptime, such as %d.%m.%Y %H:%M, got "
            f"{time_format!r}{nearest(time_format, FORMATS)}"
        )
    directives = re.findall("%(.?)", expand_shorthands(time_format), re.DOTALL)
    for directive in directives:
        if directive != "%" and not any(directive and directive in same for same in _SAME):
            raise SettingError(f"time_format has the unknown directive %{directive}, got {time_format!r}")
    for same in _SAME:
        if sum(directive in same for directive in directives) > 1:
            raise SettingError(f"time_format must have one of %{', %'.join(same)} once, got {time_format!r}")
    has_year, has_month = (bool(set(directives) & set(allowed)) for allowed in ("Yy", "mbBj"))
    if not has_year or not (has_month or directives == ["Y"]):
        raise SettingError(f"time_format must have a year and a month, such as %d.%m.%Y %H:%M, got {time_format!r}")


def expand_shorthands(time_format: str) -> str:
    """Return a format for strptime in which composite directives are expanded.

    Examples
    --------
    >>> expand_shorthands("%F %R")
    '%Y-%m-%d %H:%M'
    """
    return re.sub("%[FTRD]", lambda match: SHORTHANDS[match[0]], time_format)


def check_timezone(name: str | None) -> None:
    """Check that a time zone exists; None is UTC.

    Raises
    ------
    SettingError
        With the most similar name.
    """
    if name is not None:
        zone_named(name)


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its name.

    Raises
    ------
    SettingError
        If the database has no such time zone.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # a name that is a path or a folder, too
        known = zoneinfo.available_timezones()
        hint = nearest(name, known) if known else "; the time zone database is missing: pip install tzdata"
        raise SettingError(f"timezone must be an IANA name, got {name!r}{hint}") from None
