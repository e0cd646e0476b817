"""Checks of what callers pass with an event: its stream's key, its time, the end of a sequence, a horizon."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.engine.stream_table import plain_key
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping


def is_missing(value: Any, what: str) -> bool:
    """Return whether a key or a class is missing: None, or a value that does not equal itself, such as NaN.

    Raises
    ------
    DataError
        If the value can be neither a key nor a class.

    Examples
    --------
    >>> is_missing("pump-1", "key"), is_missing(None, "key"), is_missing(float("nan"), "key")
    (False, True, True)
    """
    try:
        hash(value)
        return value is None or bool(value != value)  # noqa: PLR0124 - NaN, NaT and the like
    except TypeError:
        raise DataError(f"{what} must be hashable and comparable, got {type(value).__name__} {value!r}") from None


def check_key(key: Any) -> Hashable:
    """Return the key of a stream.

    Raises
    ------
    DataError
        If it is missing, or cannot be a key of an engine.
    """
    if type(key) is int or (type(key) is str and key.isascii()):
        return key
    if is_missing(key, "key"):
        raise DataError(f"key must identify a stream, got {key!r}")
    return plain_key(key)


def is_count(value: Any) -> bool:
    """Return whether a value is an integer of at least 1."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 1)


def check_horizon(horizon: Any) -> int:
    """Return a number of events ahead.

    Raises
    ------
    DataError
        If it is not an integer of at least 1.
    """
    if not is_count(horizon):
        raise DataError(f"horizon must be an integer of at least 1, got {horizon!r}")
    return int(horizon)


def parse_end(end: Any) -> bool:
    """Return whether a sequence ends; a missing value means that it does not.

    Raises
    ------
    DataError
        For text, which would be true whatever it says, and for everything else that is neither true nor false.

    Examples
    --------
    >>> parse_end(True), parse_end(0), parse_end(None), parse_end(float("nan"))
    (True, False, False, False)
    """
    if end is None or isinstance(end, (bool, np.bool_)):
        return bool(end)
    if isinstance(end, (int, float, np.integer, np.floating)) and (end in {0, 1} or math.isnan(end)):
        return end == 1
    raise DataError(f"end must be True or False, got {type(end).__name__} {end!r}")


def find_time(x: Mapping[Any, Any]) -> datetime | None:
    """Return the datetime among the features of an event, or None if there is none.

    Raises
    ------
    DataError
        If there are several.
    """
    times = [name for name, value in x.items() if isinstance(value, datetime)]
    return x[single_time(times)] if times else None


def single_time(names: list[Any]) -> Any:
    """Return the name of the only feature that is a time.

    Raises
    ------
    DataError
        If there are several.
    """
    if len(names) > 1:
        raise DataError(f"set time_field to the event's time: {', '.join(map(repr, names))} are times")
    return names[0]
