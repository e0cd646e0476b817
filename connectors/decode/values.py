"""Text to numbers, words, times and flags.

What a text means never depends on its neighbours: the fast path for a column and the path for one value accept the
same texts.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.connectors.decode.numerals import PLAIN
from stream_rnn.connectors.decode.time_text import EARLIEST, LATEST, NOTATIONS, Texts, read_few, read_texts
from stream_rnn.time_formats import UNITS

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
NOT_A_TAG = "not a tag of this job"
NOT_A_FLAG = "not true or false"
NO_VALUE = "record has no value"

MAGNITUDES = {"ms": 1e11, "us": 1e14, "ns": 1e17}
"""Numbers from here on are in this unit: 1e11 is the year 5138 in seconds, and 1973 in milliseconds, and so on."""

FEW = 16
"""Minimum number of times for which reading them at once is faster."""

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


def parse_text(text: str) -> str | None:
    """Return a text as it is, "" if it is missing, None if it is damaged; only an empty one is missing."""
    return None if DAMAGED in text else text


def parse_flag(text: str) -> bool | None:
    """Return a text as true or false (yes/no, t/f, y/n, 1/0; missing is false), None if it is neither.

    Examples
    --------
    >>> parse_flag("Yes"), parse_flag(""), parse_flag("maybe")
    (True, False, None)
    """
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


class Times(NamedTuple):
    """N values as times."""

    seconds: NDArray[np.float64]
    """(N,) since 1970-01-01, by the clock of UTC, or by the local clock where `is_local`; NaN where missing or bad"""
    bad: NDArray[np.bool_]
    """(N,) whether the value is neither a time nor missing"""
    is_local: NDArray[np.bool_]
    """(N,) whether the value has no offset from UTC"""


def parse_times(texts: Sequence[str | None], time_format: str) -> Times:
    """Return texts (N,) as times, each on its own.

    Parameters
    ----------
    texts
        None is missing.
    time_format
        A unit of numbers, see `epoch_seconds`; a name in `time_text.NOTATIONS` or a format for strptime; ``auto`` for
        numbers and the unambiguous notations.

    Examples
    --------
    >>> times = parse_times(["1970-01-02", "86400", "-", "noon"], "auto")
    >>> times.seconds, times.bad
    (array([86400., 86400.,    nan,    nan]), array([False, False, False,  True]))
    """
    stripped = ["" if text is None else text.strip() for text in texts]
    seconds, is_local = np.full(len(stripped), np.nan), np.zeros(len(stripped), np.bool_)
    if time_format not in UNITS:
        few = read_few(stripped) if time_format in NOTATIONS and len(stripped) < FEW else None
        seconds, is_local = read_texts(Texts.of(stripped), time_format) if few is None else few
    remaining = np.flatnonzero(np.isnan(seconds))
    unread = [stripped[i] for i in remaining.tolist()]
    bad = np.zeros(len(stripped), np.bool_)
    bad[remaining] = [text not in _MISSING for text in unread]
    if time_format in UNITS or time_format == "auto":
        numbers = [_parse_plain_number(text) for text in unread]
        seconds[remaining] = epoch_seconds(np.array(numbers, np.float64), time_format)  # None becomes NaN
        is_local[remaining] = time_format == "excel"
        bad &= np.isnan(seconds)
    return Times(seconds, bad, is_local)


def number_times(numbers: NDArray[np.float64], time_format: str) -> Times:
    """Return numbers (N,) as times, NaN being missing; with a format for strptime, a whole number is its digits.

    Examples
    --------
    >>> number_times(np.array([19700102, np.nan]), "%Y%m%d").seconds
    array([86400.,    nan])
    """
    if time_format in UNITS or time_format == "auto":
        seconds = epoch_seconds(numbers, time_format)
        is_local = np.full(len(numbers), time_format == "excel")
    else:
        is_whole = np.isfinite(numbers) & (numbers == np.rint(numbers)) & (np.abs(numbers) < 1e15)
        is_read = "%" in time_format
        digits = [f"{number:.0f}" if use else "" for number, use in zip(numbers, is_whole & is_read, strict=True)]
        seconds, is_local = read_texts(Texts.of(digits), time_format)
    return Times(seconds, np.isnan(seconds) & ~np.isnan(numbers), is_local)


def epoch_seconds(numbers: NDArray[np.float64], time_format: str) -> NDArray[np.float64]:
    """Return numbers as seconds since 1970-01-01, NaN if outside the calendar (years 1 to 9999).

    Parameters
    ----------
    numbers
        (N,) times since 1970.
    time_format
        Their unit, ``s``, ``ms``, ``us`` or ``ns``; ``excel`` for days since 1899-12-30; ``auto`` for the unit that the
        magnitude of each suggests, see `unit_of`.

    Examples
    --------
    >>> epoch_seconds(np.array([1500.0, 1.5e12, 1.5e15, 1.5e18, 1e300]), "auto")
    array([1.5e+03, 1.5e+09, 1.5e+09, 1.5e+09,     nan])
    >>> epoch_seconds(np.array([25569.5]), "excel")
    array([43200.])
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if time_format == "excel":
            seconds = np.rint((numbers - 25_569.0) * 86_400e3) / 1e3
        elif time_format == "auto":
            size, seconds = np.abs(numbers), numbers
            for unit, least in MAGNITUDES.items():
                seconds = np.where(size >= least, in_seconds(numbers, unit), seconds)
        else:
            seconds = in_seconds(numbers, time_format)
        return np.where((seconds >= EARLIEST) & (seconds < LATEST), seconds, np.nan)


def unit_of(number: float) -> str:
    """Return the unit of a time since 1970 that its magnitude suggests.

    Examples
    --------
    >>> unit_of(1.7e9), unit_of(1.7e12), unit_of(1.7e15), unit_of(1.7e18)
    ('s', 'ms', 'us', 'ns')
    """
    return next((unit for unit, least in reversed(MAGNITUDES.items()) if abs(number) >= least), "s")


def in_seconds(numbers: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Return numbers (N,) of a unit in seconds; nanoseconds are rounded to microseconds."""
    return np.rint(numbers / 1e3) / 1e6 if unit == "ns" else numbers / {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]


def _parse_plain_number(text: str, numerals: Numerals = PLAIN) -> float | None:
    """Return a text without surrounding spaces as `parse_number` does, but neither true nor false is a number."""
    plain = text if numerals.is_plain else numerals.plain(text)
    if plain is not None and _NUMBER.fullmatch(plain):
        return float(plain)
    return float("nan") if text in _MISSING or _NAN.fullmatch(text) else None
