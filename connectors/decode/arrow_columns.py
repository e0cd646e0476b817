"""Arrow columns of any type to columns of events, for CSV and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.arrow_text import (
    decode_text,
    is_text,
    parse_flags,
    parse_keys,
    parse_numbers,
    parse_times,
    parse_words,
)
from stream_rnn.connectors.decode.columns import BadValues, Columns, RowErrors
from stream_rnn.connectors.decode.detect import EMPTY, TextSample
from stream_rnn.connectors.decode.missing import MissingValues
from stream_rnn.connectors.decode.numerals import PLAIN
from stream_rnn.errors import require
from stream_rnn.time_formats import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    import pyarrow.compute as pc
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.detect import ColumnSample
    from stream_rnn.connectors.decode.numerals import Numerals
    from stream_rnn.connectors.decode.schema import ColumnRoles
else:
    pa, pc = require("pyarrow", "files"), require("pyarrow.compute", "files")


def decode_columns(
    arrays: Mapping[str, pa.Array], roles: ColumnRoles, count: int, numerals: Numerals = PLAIN
) -> Columns:
    """Decode the columns that are read.

    Parameters
    ----------
    arrays
        (count,) numbers, timestamps or text, by column.
    roles
        Which column is what.
    count
        Number of rows.
    numerals
        How numbers are written in columns of text.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.schema import ColumnRoles
    >>> arrays = {"k": pa.array([7, 8]), "x": pa.array(["2.5", "warm"])}
    >>> columns = decode_columns(arrays, ColumnRoles("k", None, None, ("x",)), 2)
    >>> columns.keys, columns.inputs["x"], columns.reasons
    (array(['7', '8'], dtype=object), array([2.5, nan]), {})
    >>> columns.bad_values
    [BadValues(column='x', rows=array([1]), words=['warm'])]
    """
    errors = RowErrors()
    keys = np.full(count, "", dtype=object)
    times = np.full(count, np.nan)
    ends = np.zeros(count, dtype=np.bool_)
    is_local: NDArray[np.bool_] | None = None
    if roles.key is not None:
        keys = _keys(arrays[roles.key], roles.key, errors)
    if roles.time is not None:
        array = _joined([arrays[part] for part in roles.time_parts]) if roles.time_parts else arrays[roles.time]
        times, bad, is_local = _times(array, roles.time_format)
        errors.add(bad, values.NOT_A_TIME, roles.time)
        errors.add(np.isnan(times), values.NO_TIME)
    if roles.end is not None:
        ends = _ends(arrays[roles.end], roles.end, errors)
    inputs: dict[str, NDArray[Any]] = {}
    bad_values: list[BadValues] = []
    if roles.tag is not None:
        inputs[roles.tag], bad = _tags(arrays[roles.tag], roles.tags)
        errors.add(bad, values.NOT_A_TAG, roles.tag)
    for name in roles.columns:
        array, reads_words = _plain(arrays[name]), name in roles.words
        if reads_words:
            inputs[name], bad = _words(array, roles.missing_in(name), numerals, as_text=name in roles.texts)
        else:
            inputs[name], bad = _numbers(array, roles.missing_in(name), numerals)
        if not reads_words:
            errors.add(np.isinf(inputs[name]), values.NOT_FINITE, name)
        if roles.bad_values == "refuse":
            errors.add(bad, values.NOT_A_WORD if reads_words else values.NOT_A_NUMBER, name)
        elif bad.any():
            bad_values.append(BadValues(name, np.flatnonzero(bad), _bad_texts(array, bad)))
    return Columns(keys, times, inputs, ends, errors.reasons, bad_values, is_local if roles.timezone else None)


def sample_of(array: pa.Array) -> ColumnSample:
    """Return the first values of a column as a sample from which its role is detected."""
    array = _plain(array)
    return TextSample(decode_text(array).to_pylist()) if is_text(array.type) else TypedSample(array)


class TypedSample:
    """The first values of a column that is not text; its Arrow type decides how it is read.

    Parameters
    ----------
    array
        Any type but text.

    Examples
    --------
    >>> TypedSample(pa.array([1.5, None])).why_not_numeric(min_share=1.0)
    ''
    >>> TypedSample(pa.array([[1.5]])).why_not_numeric(min_share=1.0)
    'of type list<item: double>'
    """

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def why_not_numeric(self, min_share: float) -> str:  # noqa: ARG002 - all values have one type
        """Return why the column is not numeric; an empty string if it is."""
        if is_number(self._array.type):
            return ""
        return EMPTY if pa.types.is_null(self._array.type) else f"of type {self._array.type}"

    def has_numbers(self) -> bool:
        """Return whether any value is a number."""
        return is_number(self._array.type) and self._array.null_count < len(self._array)

    def is_time(self, time_format: str) -> bool:
        """Return whether the values are timestamps, dates, or numbers that may be times."""
        kind = self._array.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return time_format == "auto" or time_format in UNITS or "%" in time_format
        return is_timestamp(kind)

    def times(self, time_format: str) -> NDArray[np.float64]:
        """Return the values as seconds since 1970-01-01 (N,), NaN for those that are not times."""
        return _times(self._array, time_format).seconds

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as numbers (N,); no values if their type has none, or is true and false."""
        is_boolean = pa.types.is_boolean(self._array.type)
        return _floats(self._array) if is_number(self._array.type) and not is_boolean else np.zeros(0)

    def time_texts(self) -> Sequence[str]:
        """Return dates and times as text (N,), empty if missing; no values of another type."""
        kind = self._array.type
        if not (is_timestamp(kind) or pa.types.is_time(kind)):
            return ()
        if pa.types.is_timestamp(kind):
            return [str(text or "") for text in _without_zone(self._array).cast(pa.string()).to_pylist()]
        return [str(text or "") for text in self._array.cast(pa.string()).to_pylist()]

    def texts(self) -> Sequence[str]:
        """Return whole numbers as text (N,), empty if missing; no values if the column has others."""
        if not pa.types.is_integer(self._array.type):
            return ()
        texts: list[str] = pc.fill_null(self._array.cast(pa.string()), "").to_pylist()
        return texts

    def words(self) -> list[str]:
        """Return the distinct words among the values, in order of appearance."""
        return [
            word for word in dict.fromkeys(_words(self._array, MissingValues(), PLAIN)[0].tolist()) if word is not None
        ]

    def without(self, missing: MissingValues) -> TypedSample:
        """Return the sample with empty values for those that stand for a missing one."""
        if not is_number(self._array.type) or not missing.numbers:
            return self
        return TypedSample(pa.array(missing.mask(_floats(self._array)), from_pandas=True))


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of this type are numbers; true and false are 1 and 0."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def is_timestamp(kind: pa.DataType) -> bool:
    """Return whether values of this type are timestamps or dates."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _plain(array: pa.Array) -> pa.Array:
    """Return a column without a dictionary, unless it is one of texts."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) and not is_text(array.type) else array


def _numbers(
    array: pa.Array, missing: MissingValues, numerals: Numerals
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return values as numbers (N,), and which of them are neither numbers nor missing (N,)."""
    if is_text(array.type):
        numbers, bad = parse_numbers(array, numerals, missing.texts)
        return missing.mask(numbers), bad
    if is_number(array.type):
        return missing.mask(_floats(array)), np.zeros(len(array), np.bool_)
    return np.full(len(array), np.nan), _is_valid(array)


def _words(
    array: pa.Array, missing: MissingValues, numerals: Numerals, *, as_text: bool = False
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return values as words (N,), None if missing, and which of them are neither words nor numbers (N,)."""
    if is_number(array.type):
        array, numerals = array.cast(pa.string()), PLAIN
    if is_text(array.type):
        return parse_words(array, missing, numerals, as_text=as_text)
    return np.full(len(array), None), _is_valid(array)


def _bad_texts(array: pa.Array, bad: NDArray[np.bool_]) -> list[str]:
    """Return the values that are not numbers as text; those that are not text by their type."""
    if is_text(array.type):
        words: list[str] = decode_text(array.filter(pa.array(bad))).to_pylist()
        return words
    return [f"<{array.type}>"] * int(bad.sum())


def _times(array: pa.Array, time_format: str) -> values.Times:
    """Return values as times (N,)."""
    if is_timestamp(array.type):
        times = values.epoch_seconds(_timestamp_seconds(array), "s")
        is_local = np.full(len(array), getattr(array.type, "tz", None) is None)
        return values.Times(times, np.isnan(times) & _is_valid(array), is_local)
    if is_number(array.type):
        return values.number_times(_floats(array), time_format)
    if is_text(array.type):
        return parse_times(array, time_format)
    return values.Times(np.full(len(array), np.nan), _is_valid(array), np.zeros(len(array), np.bool_))


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """Return the texts of date and time of day in one, null where one is missing."""
    texts = [decode_text(part) if is_text(part.type) else _part_text(part) for part in parts]
    trimmed = [pc.utf8_trim_whitespace(text) for text in texts]
    present = [
        pc.if_else(pc.is_in(text, pa.array(values.MISSING)), pa.scalar(None, pa.string()), text) for text in trimmed
    ]
    return pc.binary_join_element_wise(*present, " ")


def _part_text(array: pa.Array) -> pa.Array:
    """Return a date or a time of day as text; a timestamp is the date of a day."""
    if pa.types.is_timestamp(array.type):
        array = _without_zone(array).cast(pa.date32(), safe=False)
    return array.cast(pa.string())


def _without_zone(array: pa.Array) -> pa.Array:
    """Return timestamps in UTC as a clock shows them; Arrow may not know their time zone."""
    return array.cast(pa.timestamp(array.type.unit))


def _keys(array: pa.Array, name: str, errors: RowErrors) -> NDArray[np.object_]:
    keys, bad = parse_keys(_names(array))
    errors.add(bad, values.NO_KEY, name)
    return keys


def _tags(array: pa.Array, tags: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers of the tags (N,), and which values (N,) are none of these tags."""
    names, known = _names(array), pa.array(tags, pa.string())
    if pa.types.is_dictionary(names.type):
        found = pc.take(pc.index_in(_trimmed(names.dictionary), known), names.indices)
    else:
        found = pc.index_in(_trimmed(names), known)
    bad = ~_is_valid(found)
    return np.where(bad, 0.0, _floats(found)), bad


def _trimmed(texts: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(decode_text(texts))


def _names(array: pa.Array) -> pa.Array:
    """Return values that name something as text."""
    if is_text(array.type):
        return array
    return (_as_integers(array) if pa.types.is_floating(array.type) else array).cast(pa.string())


def _as_integers(array: pa.Array) -> pa.Array:
    """Return 7.0 as 7: integers are stored as floats where one of them is missing, and keys must not change by it."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array


def _ends(array: pa.Array, name: str, errors: RowErrors) -> NDArray[np.bool_]:
    if is_text(array.type):
        flags, bad = parse_flags(array)
        errors.add(bad, values.NOT_A_FLAG, name)
        return flags
    if is_number(array.type):
        numbers = np.nan_to_num(_floats(array), nan=0.0)
        errors.add((numbers != 0.0) & (numbers != 1.0), values.NOT_A_FLAG, name)
        return np.equal(numbers, 1.0)
    errors.add(_is_valid(array), values.NOT_A_FLAG, name)
    return np.zeros(len(array), dtype=np.bool_)


def _floats(array: pa.Array) -> NDArray[np.float64]:
    """Return numbers of any type as float64, null as NaN; integers above 2**53 are rounded."""
    if not pa.types.is_float64(array.type):
        array = array.cast(pa.float64(), safe=False)
    if array.null_count:
        array = pc.fill_null(array, float("nan"))
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


def _timestamp_seconds(array: pa.Array) -> NDArray[np.float64]:
    """Return timestamps or dates as seconds since 1970-01-01, to the nearest microsecond, NaN where null."""
    if getattr(array.type, "unit", "") == "ns":
        return values.in_seconds(_floats(array.cast(pa.int64())), "ns")
    micros = array.cast(pa.timestamp("us", getattr(array.type, "tz", None)), safe=False)
    return _floats(pc.divide(micros.cast(pa.int64()).cast(pa.float64(), safe=False), 1e6))


def _is_valid(array: pa.Array) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return valid
