"""Durations as text, such as 30s, 1min, 6h or 1d."""

from __future__ import annotations

import math
import re

from stream_rnn.errors import SettingError

UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds of each unit."""
MAX_SECONDS = 1e9
"""About 32 years."""
EXAMPLES = "a duration such as 30s, 1min, 6h or 1d"
_DURATION = re.compile(rf"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*({'|'.join(UNITS)})?", re.ASCII)


def seconds(name: str, value: str | float, number: str = "a number of seconds") -> float:
    """Return the seconds of a duration.

    Parameters
    ----------
    name
        The setting, for errors.
    value
        A number of seconds, or a number with a unit: ms, s, min, m, h, d or w.
    number
        What a number without a unit is, for errors.

    Raises
    ------
    SettingError
        If it is anything else, negative, or longer than 1e9 seconds.

    Examples
    --------
    >>> seconds("every", "1.5min"), seconds("every", 30)
    (90.0, 30.0)
    >>> seconds("every", "1 fortnight")
    Traceback (most recent call last):
    ...
    stream_rnn.errors.SettingError: every must be a number of seconds, or a duration such as 30s, 1min, 6h or 1d, ...
    """
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    result = float(found[1]) * UNITS[found[2] or "s"] if found else math.nan if isinstance(value, str) else float(value)
    if not 0.0 <= result <= MAX_SECONDS:
        raise SettingError(f"{name} must be {number}, or {EXAMPLES}, got {value!r}")
    return result


def in_words(duration: float) -> str:
    """Return a duration in the largest unit of which it is a whole number.

    Examples
    --------
    >>> in_words(21_600.0), in_words(90.0), in_words(0.25)
    ('6h', '90s', '250ms')
    """
    for unit in ("w", "d", "h", "min", "s", "ms"):
        count = duration / UNITS[unit]
        if count >= 1.0 and count.is_integer():
            return f"{count:.0f}{unit}"
    return f"{duration:g}s"
