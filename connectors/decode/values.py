"""Text to numbers, words, times and flags.

What a text means never depends on its neighbours: the fast path for a column and the path for one value accept the
same texts.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode.iso_times import iso_column
from stream_rnn.connectors.decode.numerals import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.numerals import Numerals

MISSING = ("", "-", "NA", "NaN", "nan", "null", "None")
"""Texts that stand for a missing value."""

NOT_UTF8 = "not UTF-8"
NOT_A_NUMBER = "not a number"
NOT_A_WORD = "not a word or number"
NOT_FINITE = "not a finite number"
NOT_A_TIME = "not a time"
NO_TIME = "time is missing"
NO_KEY = "key is missing or not UTF-8"
NOT_A_FLAG = "not true or false"
NO_VALUE = "record has no value"

EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_800.0
"""The years 1 and 10000 in seconds since 1970: the range of the calendar."""
MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds: as seconds this is the year 5138, as milliseconds 1973."""

MISSING_PATTERN = f"^(?:{'|'.join(MISSING)}|[+-]?(?i:nan)(?:[(][A-Za-z0-9_]*[)])?)$"
"""A regular expression of these texts and of NaN in any spelling, for Arrow."""

_MISSING = frozenset(MISSING)
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"} | {text.lower() for text in MISSING})
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE | re.ASCII)
_NAN = re.compile(r"[+-]?nan(?:\(\w*\))?", re.IGNORECASE | re.ASCII)
_BOOLEANS = {"true": 1.0, "false": 0.0}
DAMAGED = "\ufffd"
"""Replaces bytes that are not UTF-8. Two damaged texts must not become one."""
MAX_EXACT = 2.0**53
"""Integers up to here are exact as floats."""


def parse_number(text: str, numerals: Numerals = PLAIN) -> float | None:
    """Return a text as a number: NaN if it stands for a missing value, None if it is not a number.

    True and false, in any case, are 1 and 0.

    Examples
    --------
    >>> parse_number(" 2.5e3"), parse_number("NA"), parse_number("1,5"), parse_number("True")
    (2500.0, nan, None, 1.0)
    """
    text = text.strip()
    number = _parse_plain_number(text, numerals)
    return _BOOLEANS.get(text.lower()) if number is None else number


def parse_word(text: str, numerals: Numerals = PLAIN) -> str | None:
    """Return a text as a word, the same however a format spells it: "" if it is missing, None if it is damaged.

    Spaces around it do not count, a number has one spelling, and so have true and false.

    Examples
    --------
    >>> parse_word(" on "), parse_word("2.0"), parse_word("TRUE"), parse_word("NA"), parse_word("3.50")
    ('on', '2', 'true', '', '3.5')
    """
    text = text.strip()
    number = _parse_plain_number(text, numerals)
    if number is None:
        return text.lower() if text.lower() in _BOOLEANS else None if DAMAGED in text else text
    if math.isnan(number):
        return ""
    if math.isinf(number) or abs(number) > MAX_EXACT:
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def parse_flag(text: str) -> bool | None:
    """Return a text as true or false (yes/no, t/f, y/n, 1/0; missing is false), None if it is neither.

    Examples
    --------
    >>> parse_flag("Yes"), parse_flag(""), parse_flag("maybe")
    (True, False, None)
    """
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def parse_times(texts: Sequence[str | None], time_format: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return texts (N,) as times, each on its own.

    Parameters
    ----------
    texts
        None is missing.
    time_format
        ``iso`` for ISO 8601, where times without an offset are UTC; ``s`` or ``ms`` for numbers; ``auto`` for all of
        them, see `epoch_seconds`.

    Returns
    -------
    times : (N,) float64
        Seconds since 1970-01-01 UTC, NaN where missing or bad.
    bad : (N,) bool
        True where the text is not a time.

    Examples
    --------
    >>> times, bad = parse_times(["1970-01-02", "86400", "-", "noon"], "auto")
    >>> times
    array([86400., 86400.,    nan,    nan])
    >>> bad
    array([False, False, False,  True])
    """
    stripped = ["" if text is None else text.strip() for text in texts]
    times = iso_column(stripped) if time_format in ("auto", "iso") else np.full(len(stripped), np.nan)
    remaining = np.flatnonzero(np.isnan(times))
    unread = [stripped[i] for i in remaining.tolist()]
    bad = np.zeros(len(stripped), np.bool_)
    bad[remaining] = [text not in _MISSING for text in unread]
    if time_format != "iso":
        numbers = [_parse_plain_number(text) for text in unread]
        times[remaining] = epoch_seconds(np.array(numbers, np.float64), time_format)  # None becomes NaN
        bad &= np.isnan(times)
    return times, bad


def epoch_seconds(numbers: NDArray[np.float64], time_format: str) -> NDArray[np.float64]:
    """Return numbers as seconds since 1970-01-01 UTC, NaN if outside the calendar (years 1 to 9999).

    Parameters
    ----------
    numbers
        (N,) seconds or milliseconds.
    time_format
        ``ms`` for milliseconds, ``auto`` for milliseconds from 1e11 on (the year 5138 in seconds), else seconds.

    Examples
    --------
    >>> epoch_seconds(np.array([1500.0, 1.5e12, 1e300]), "auto")
    array([1.5e+03, 1.5e+09,     nan])
    """
    if time_format == "ms":
        seconds = numbers / 1e3
    elif time_format == "auto":
        seconds = np.where(np.abs(numbers) >= MILLISECONDS_FROM, numbers / 1e3, numbers)
    else:
        seconds = numbers
    with np.errstate(invalid="ignore"):
        return np.where((seconds >= EARLIEST) & (seconds < LATEST), seconds, np.nan)


def _parse_plain_number(text: str, numerals: Numerals = PLAIN) -> float | None:
    """Return a text without surrounding spaces as `parse_number` does, but neither true nor false is a number."""
    plain = text if numerals.is_plain else numerals.plain(text)
    if plain is not None and _NUMBER.fullmatch(plain):
        return float(plain)
    return float("nan") if text in _MISSING or _NAN.fullmatch(text) else None
