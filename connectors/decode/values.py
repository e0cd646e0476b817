"""Text to numbers, times and flags: a whole column at once, and only what fails is looked at one by one.

What a text means never depends on its neighbours: the fast way and the careful way accept the same values.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = ("", "-", "NA", "NaN", "nan", "null", "None")

NOT_A_NUMBER = "not a number"
NOT_FINITE = "not a finite number"
NOT_A_TIME = "not a time"
NO_TIME = "time is missing"
NO_KEY = "key is missing or not UTF-8"
NOT_A_FLAG = "not true or false"

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"} | {text.lower() for text in MISSING})

# The year 1 and the year 10000 in seconds since 1970: what a timestamp can say.
_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_800.0
# A count of seconds this large is the year 5138, as milliseconds it is 1973: larger numbers are milliseconds.
_MILLISECONDS_FROM = 1e11
_DAMAGED = "\ufffd"  # stands where bytes were not UTF-8: two damaged keys must not become one stream
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ]|$)")


def as_text(values: pa.Array) -> pa.Array:
    """Decode to strings without the spaces around them."""
    return pc.utf8_trim_whitespace(_decoded(values))


def numbers(values: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read text as numbers.

    Parameters
    ----------
    values : (N,) string or binary array

    Returns
    -------
    numbers : (N,) float64
        NaN where the value is missing or bad.
    bad : (N,) bool
        True where there is text that is not a number.
    """
    texts = as_text(values)
    try:
        known = pc.if_else(pc.is_in(texts, pa.array(MISSING)), pa.scalar(None, pa.string()), texts)
        return _floats(known.cast(pa.float64())), np.zeros(len(texts), dtype=np.bool_)
    except pa.ArrowInvalid:
        codes, texts = _distinct(texts)
    result, understood = _cast(texts)
    missing = pc.is_in(texts, pa.array(MISSING)).to_numpy(zero_copy_only=False)
    result[missing] = np.nan
    return result[codes], ~(understood | missing)[codes]


def times(values: pa.Array, time_format: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read text as times, each value for itself.

    Parameters
    ----------
    values : (N,) string or binary array
    time_format : {"auto", "iso", "s", "ms"}
        `"auto"` takes ISO 8601 and numbers, see `epoch`.

    Returns
    -------
    times : (N,) float64
        Seconds since 1970-01-01 UTC, NaN where missing or bad. Without an offset a time is UTC.
    bad : (N,) bool
        True where there is text that is not a time.
    """
    texts = as_text(values)
    result = np.full(len(texts), np.nan)
    left = ~pc.is_in(texts, pa.array(MISSING)).to_numpy(zero_copy_only=False)
    if time_format in ("auto", "iso"):
        for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            left = _fill_timestamps(texts, kind, result, left)
        for i in np.flatnonzero(left):  # more digits than microseconds and the rarer ISO spellings
            result[i] = _iso(texts[i].as_py())
        left &= np.isnan(result)
    if time_format != "iso" and left.any():
        found, not_number = numbers(texts.filter(pa.array(left)))
        result[left] = np.where(not_number, np.nan, epoch(found, time_format))
        left &= np.isnan(result)
    return result, left


def epoch(values: NDArray[np.float64], time_format: str) -> NDArray[np.float64]:
    """Read numbers as seconds or milliseconds since 1970-01-01 UTC, NaN where out of the calendar.

    With `"auto"` a number from 1e11 on (the year 5138 in seconds) is milliseconds.
    """
    if time_format == "ms":
        seconds = values / 1e3
    elif time_format == "auto":
        seconds = np.where(np.abs(values) >= _MILLISECONDS_FROM, values / 1e3, values)
    else:
        seconds = values
    with np.errstate(invalid="ignore"):
        return np.where((seconds >= _EARLIEST) & (seconds < _LATEST), seconds, np.nan)


def timestamps(values: pa.Array) -> NDArray[np.float64]:
    """Turn an array of Arrow timestamps or dates into seconds since 1970-01-01 UTC, NaN where null."""
    micros = values.cast(pa.timestamp("us", getattr(values.type, "tz", None)), safe=False)
    seconds = pc.divide(micros.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6)
    return _floats(seconds)


def flags(values: pa.Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read text as true or false (also yes/no, t/f, y/n, 1/0); missing is false.

    Returns
    -------
    flags, bad : (N,) bool
    """
    codes, texts = _distinct(as_text(values))
    found = [flag(text) for text in texts.to_pylist()]
    true = np.array([value is True for value in found], dtype=np.bool_)
    bad = np.array([value is None for value in found], dtype=np.bool_)
    return true[codes], bad[codes]


def flag(text: str) -> bool | None:
    """Read one text as true or false, None when it is neither."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def number(text: str) -> float | None:
    """Read one text as a number, missing as NaN, None when it is none; as `numbers` does."""
    if _DECIMAL.fullmatch(text):
        return float(text)
    result, bad = numbers(pa.array([text], pa.string()))
    return None if bad[0] else float(result[0])


def keys(values: pa.Array) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Turn text into keys, one Python string per stream. Spaces belong to a key; the empty text is none.

    Returns
    -------
    keys : (N,) object
    bad : (N,) bool
        True where there is no key.
    """
    if not pa.types.is_dictionary(values.type):
        values = _decoded(values).dictionary_encode()
    names = np.array([*values.dictionary.to_pylist(), None], dtype=object)
    codes = values.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    without = np.array([not name or _DAMAGED in name for name in names], dtype=np.bool_)
    return names[codes], without[codes]


def _decoded(values: pa.Array) -> pa.Array:
    """Decode binary to strings; bytes that are not UTF-8 become U+FFFD, which no parser accepts."""
    if pa.types.is_string(values.type):
        return values
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if value is None else value.decode(errors="replace") for value in values.to_pylist()]
        return pa.array(texts, pa.string())


def _distinct(texts: pa.Array) -> tuple[NDArray[np.intp], pa.Array]:
    """Give codes and distinct texts: bad columns repeat themselves, and parsing is the dear part."""
    encoded = pc.fill_null(texts, "").dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), encoded.dictionary


def _floats(values: pa.Array) -> NDArray[np.float64]:
    """Copy an Arrow float64 array out, null as NaN, writable."""
    return np.array(pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def _cast(texts: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Cast what can be cast to float64: halve until the texts that Arrow refuses stand alone."""
    result = np.full(len(texts), np.nan)
    understood = np.zeros(len(texts), dtype=np.bool_)
    spans = [(0, len(texts))] if len(texts) else []
    while spans:
        start, stop = spans.pop()
        try:
            result[start:stop] = _floats(texts.slice(start, stop - start).cast(pa.float64()))
        except pa.ArrowInvalid:
            if stop - start > 1:
                middle = (start + stop) // 2
                spans += [(start, middle), (middle, stop)]
        else:
            understood[start:stop] = True
    return result, understood


def _fill_timestamps(
    texts: pa.Array, kind: Any, result: NDArray[np.float64], left: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Fill in what is a timestamp of this kind when all that is left is of it; give what is left after."""
    if not left.any():
        return left
    try:
        found = pc.cast(texts if left.all() else texts.filter(pa.array(left)), kind)
    except pa.ArrowInvalid:
        return left
    result[left] = epoch(timestamps(found), "s")
    return left & np.isnan(result)


def _iso(text: str) -> float:
    """Read one ISO 8601 time, NaN when it is none."""
    if not _ISO_DATE.match(text):
        return float("nan")
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        return float("nan")
