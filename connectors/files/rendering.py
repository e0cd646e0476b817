"""Columns as CSV or JSON lines.

msgspec writes the rows: its C code spells a number in a tenth of the time that Python takes. Each value is written on
its own merits (quoted if necessary), so the text does not depend on how rows are cut into batches. A number is the
shortest text that reads back as the same number.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

Rows: TypeAlias = "Mapping[str, NDArray[Any]]"
"""Equally long arrays by column."""

MIN_PLAIN, MAX_PLAIN = 1e-5, 1e10
"""Between these magnitudes, numbers are written without an exponent, by msgspec as by this module."""
MIN_DECIMAL = 1e-6
"""Smallest magnitude that is written without an exponent."""
PROTECTED_COMMA = b"\xff"
"""Replaces commas of texts while commas are the delimiters; not a byte of UTF-8."""
NEWLINE = ord("\n")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a text starts that a spreadsheet may run as a formula."""

ENCODER = msgspec.json.Encoder()


class _Dialect(NamedTuple):
    """How values are handed to msgspec so that it writes them as the format has them."""

    text: Callable[[str], Any]
    timestamp: Callable[[str], Any]
    missing: Any


def csv_header(names: Sequence[str], delimiter: str = ",", *, escape_formulas: bool = False) -> bytes:
    r"""Return the header line; parameters as for `csv_lines`.

    Examples
    --------
    >>> csv_header(["time", "a,b"])
    b'time,"a,b"\n'
    """
    text = _formula_escaped if escape_formulas else str
    return delimiter.join(_quoted(text(name), delimiter) for name in names).encode() + b"\n"


def csv_lines(rows: Rows, time: str | None = None, delimiter: str = ",", *, escape_formulas: bool = False) -> bytearray:
    r"""Return rows as CSV without a header; missing and infinite values are empty.

    Parameters
    ----------
    rows
        Numbers, flags, text or times, by column.
    time
        Column of seconds since 1970-01-01 UTC that is written as ISO 8601.
    delimiter
        Between fields.
    escape_formulas
        Put an apostrophe before texts that a spreadsheet may run as a formula; numbers are left as they are.

    Raises
    ------
    ConnectorError
        If columns differ in length, or have a type that is not supported.

    Examples
    --------
    >>> csv_lines({"time": np.array([0.5, np.nan]), "x": np.array([1.0, 0.1])}, time="time")
    bytearray(b'1970-01-01T00:00:00.500000Z,1\n,0.1\n')
    """
    columns = _columns(rows, time, _Dialect(_csv_text(delimiter, escape_formulas), msgspec.Raw, msgspec.Raw(b"")))
    # Each row is written as an array, [1,2]; its first byte overwrites the last one of the previous row: a line end.
    lines = bytearray(b"]")
    for row in zip(*columns, strict=True):
        end = len(lines) - 1
        ENCODER.encode_into(row, lines, end)
        lines[end] = NEWLINE
    lines[-1] = NEWLINE
    del lines[0]
    if delimiter != ",":
        lines = lines.replace(b",", delimiter.encode())
        if PROTECTED_COMMA in lines:
            lines = lines.replace(PROTECTED_COMMA, b",")
    return lines


def json_lines(rows: Rows, time: str | None = None) -> bytes:
    r"""Return rows as JSON lines; missing and infinite values are null.

    Parameters
    ----------
    rows
        Numbers, flags, text or times, by column.
    time
        Column of seconds since 1970-01-01 UTC that is written as ISO 8601.

    Raises
    ------
    ConnectorError
        If columns differ in length, or have a type that is not supported.

    Examples
    --------
    >>> json_lines({"key": np.array(["a", "b"]), "x": np.array([1.0, np.nan])})
    b'{"key":"a","x":1}\n{"key":"b","x":null}\n'
    """
    columns = _columns(rows, time, _Dialect(text=str, timestamp=str, missing=None))
    return ENCODER.encode_lines(map(_row_type(tuple(rows)), *columns)) if columns else b""


def check_lengths(rows: Rows) -> None:
    """Check that all columns have the same length.

    Raises
    ------
    ConnectorError
        With the length of each column.
    """
    lengths = {name: len(values) for name, values in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ConnectorError(f"columns must be equally long, got {lengths}")


def to_texts(values: NDArray[Any]) -> list[str | None]:
    """Return an array of keys as text, whether they are numbers or not; None is missing.

    Examples
    --------
    >>> to_texts(np.array(["a", 7, None], object))
    ['a', '7', None]
    """
    column = values.tolist()
    if set(map(type, column)) <= {str, type(None)}:
        return column
    return [None if value is None else str(value) for value in column]


def to_micros(seconds: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return seconds (N,) as whole microseconds (N,), and which of them are finite (N,).

    Examples
    --------
    >>> to_micros(np.array([0.5, np.nan]))
    (array([500000,      0]), array([ True, False]))
    """
    seconds = seconds.astype(np.float64)
    known = np.isfinite(seconds)
    return np.round(np.where(known, seconds, 0.0) * 1e6).astype(np.int64), known


def _columns(rows: Rows, time: str | None, dialect: _Dialect) -> list[list[Any]]:
    check_lengths(rows)
    return [_column(name, values, name == time, dialect) for name, values in rows.items()]


def _column(name: str, values: NDArray[Any], is_time: bool, dialect: _Dialect) -> list[Any]:
    """Return the values of a column as msgspec has to get them."""
    kind = values.dtype.kind
    if kind == "M":
        return _timestamps(values.astype("datetime64[us]"), ~np.isnat(values), dialect)
    if kind == "f":
        return (
            _timestamps(*_moments(values), dialect) if is_time else _numbers(values.astype(np.float64), dialect.missing)
        )
    if kind in "biu":
        return values.tolist()
    if kind in "OU":
        column = to_texts(values)
        distinct = {text: dialect.missing if text is None else dialect.text(text) for text in set(column)}
        return list(map(distinct.__getitem__, column))
    raise ConnectorError(f"column {name!r} has type {values.dtype}, which cannot be written")


def _moments(seconds: NDArray[Any]) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Return seconds since 1970-01-01 (N,) as moments (N,), and which of them are known (N,)."""
    micros, known = to_micros(seconds)
    return micros.astype("datetime64[us]"), known


def _timestamps(moments: NDArray[np.datetime64], known: NDArray[np.bool_], dialect: _Dialect) -> list[Any]:
    """Return moments as texts such as 2024-01-31T12:00:00.000000Z."""
    column = list(map(dialect.timestamp, np.datetime_as_string(moments, timezone="UTC").tolist()))
    for i in np.flatnonzero(~known).tolist():
        column[i] = dialect.missing
    return column


def _numbers(values: NDArray[np.float64], missing: Any) -> list[Any]:
    """Return numbers, replaced where msgspec would not spell them as the output has them: 1.0 is written as 1."""
    magnitude = np.abs(values)
    is_whole = (values == np.trunc(values)) & (magnitude < MAX_PLAIN)
    is_plain = (magnitude >= MIN_PLAIN) & (magnitude < MAX_PLAIN) & ~is_whole
    if is_plain.all():
        return values.tolist()
    column = values.astype(object)
    column[is_whole] = values[is_whole].astype(np.int64)
    numbers: list[Any] = column.tolist()
    is_finite = np.isfinite(values)
    for i in np.flatnonzero(~is_finite).tolist():
        numbers[i] = missing
    is_special = is_finite & ~is_plain & (~is_whole | ((values == 0) & np.signbit(values)))
    for i in np.flatnonzero(is_special).tolist():
        numbers[i] = msgspec.Raw(_special_number(float(values[i])).encode())
    return numbers


def _special_number(value: float) -> str:
    """Return the shortest text of a small or large number, or of minus zero."""
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) + len(whole) - 1
    digits = digits.rstrip("0") or "0"
    if MIN_DECIMAL <= abs(value) < MIN_PLAIN:
        return f"{sign}0.00000{digits}"
    if digits == "0":
        return f"{sign}0"
    return f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{power:+}"


def _csv_text(delimiter: str, escape_formulas: bool) -> Callable[[str], msgspec.Raw]:
    def spell(text: str) -> msgspec.Raw:
        text = _formula_escaped(text) if escape_formulas else text
        data = _quoted(text, delimiter).encode()
        return msgspec.Raw(data if delimiter == "," else data.replace(b",", PROTECTED_COMMA))

    return spell


def _formula_escaped(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _quoted(text: str, delimiter: str) -> str:
    """Return a text with quotes if it needs them; an empty text gets them because a missing value is empty."""
    if text and not any(character in text for character in (delimiter, '"', "\r", "\n")):
        return text
    return '"' + text.replace('"', '""') + '"'


@lru_cache(maxsize=16)
def _row_type(names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a type of rows with these columns: a struct, or a dict where msgspec does not allow a name in a struct."""
    fields = [f"field{i}" for i in range(len(names))]
    try:
        return msgspec.defstruct("Row", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:
        return lambda *values: dict(zip(names, values, strict=True))
