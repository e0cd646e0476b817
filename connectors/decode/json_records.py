"""Decoding of records that are JSON objects, from files or topics."""

from __future__ import annotations

import json
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.columns import BadValues, Columns, Decoded, RowErrors
from stream_rnn.connectors.decode.isolate import decode_isolated, halves
from stream_rnn.connectors.decode.schema import NO_MISSING_VALUES
from stream_rnn.connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.missing import MissingValues
    from stream_rnn.connectors.decode.schema import ColumnRoles

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not a JSON object"
NO_COLUMN = "has none of the columns"
WORD = str | int | float | bool | None
"""What a field may be that is read as a word."""
UNREADABLE = re.compile(r'["\\\x00-\x1f]')
"""Characters that msgspec does not allow in the name of a field."""


class JsonDecoder:
    """Decodes records that are JSON objects into columns.

    A batch is decoded straight into the fields that are read. Only a batch with a record that this rejects is decoded
    record by record, which also accepts numbers and flags as text, NaN, and words where numbers belong.

    Parameters
    ----------
    roles
        Which field is what.

    Raises
    ------
    UsageError
        If the name of a field has a quote, a backslash or a control character.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.schema import ColumnRoles
    >>> decoder = JsonDecoder(ColumnRoles(key="k", time="t", end=None, columns=("x",)))
    >>> columns, records, refused = decoder.decode([b'{"k": "a", "t": 5, "x": "2.5"}', b"?"])
    >>> columns.keys, columns.times, columns.inputs["x"]
    (array(['a'], dtype=object), array([5.]), array([2.5]))
    >>> refused
    {1: 'not JSON'}
    """

    def __init__(self, roles: ColumnRoles) -> None:
        self._roles = roles
        for name in roles.read:
            if UNREADABLE.search(name):
                raise UsageError(
                    f"column {name!r}: JSON fields with quotes, backslashes or control characters cannot be read"
                )
        fields: list[tuple[str | None, str, Any]] = [
            (roles.key, "key", str | int | None),
            *((name, f"time{i}", str | float | None) for i, name in enumerate(_time_fields(roles))),
            (roles.end, "end", bool | None),
            *(
                (name, f"input{i}", WORD if name in roles.words else float | bool | None)
                for i, name in enumerate(roles.columns)
            ),
        ]
        read = [(name, field, kind) for name, field, kind in fields if name is not None]
        self._row: type[Any] = msgspec.defstruct(
            "Row",
            [(field, kind, None) for _, field, kind in read],
            rename={field: name for name, field, _ in read},
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(self._row)

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode records; those that are not objects are refused, and so is each that raises anything."""
        return decode_isolated(records, self._decode, halves, self._roles.columns)

    def _decode(self, records: Sequence[bytes]) -> Decoded:
        try:
            rows = list(map(self._decoder.decode, _checked(records)))
        except (ValueError, RecursionError):
            return self._decode_one_by_one(records)
        return Decoded(self._columns(rows, records), np.arange(len(rows), dtype=np.int64), {})

    def _decode_one_by_one(self, records: Sequence[bytes]) -> Decoded:
        rows: list[Any] = []
        numbers: list[int] = []
        refused: dict[int, str] = {}
        bad_values: list[BadValues] = []
        for i, record in enumerate(records):
            words: dict[str, str] = {}
            try:
                row = self._decoder.decode(*_checked([record]))
            except (ValueError, RecursionError):
                row = self._decode_leniently(record, words)
            if isinstance(row, str):
                refused[i] = row
            else:
                bad_values += [BadValues(column, np.array([len(rows)]), [word]) for column, word in words.items()]
                rows.append(row)
                numbers.append(i)
        columns = self._columns(rows, [records[i] for i in numbers])
        return Decoded(columns._replace(bad_values=bad_values), np.array(numbers, np.int64), refused)

    def _decode_leniently(self, record: bytes, words: dict[str, str]) -> Any:
        """Return a row, or the reason why the record is not one.

        Numbers and flags may be text, and numbers NaN; words where numbers belong are added to `words`, by column.
        """
        roles, fields = self._roles, parse_object(record)
        if isinstance(fields, str):
            return fields
        row = self._row()
        for i, name in enumerate(roles.columns):
            value, reads_words = fields.get(name), name in roles.words
            if reads_words:
                is_bad = not isinstance(value, WORD)
            else:
                value = _to_number(value, roles.missing_in(name))
                is_bad = value is None
            if is_bad and roles.bad_values == "refuse":
                return f"column {name!r}: {values.NOT_A_WORD if reads_words else values.NOT_A_NUMBER}"
            if is_bad:
                words[name], value = as_word(fields[name]), None
            setattr(row, f"input{i}", value)
        if roles.key is not None:
            row.key = _to_key(fields.get(roles.key))
        for i, name in enumerate(_time_fields(roles)):
            setattr(row, f"time{i}", _to_time(fields.get(name)))
        if roles.end is not None:
            row.end = _to_flag(fields.get(roles.end))
            if row.end is None:
                return f"column {roles.end!r}: {values.NOT_A_FLAG}"
        return row

    def _columns(self, rows: list[Any], records: Sequence[bytes]) -> Columns:
        roles, errors = self._roles, RowErrors()
        keys = np.full(len(rows), "", dtype=object)
        times = np.full(len(rows), np.nan)
        ends = np.zeros(len(rows), dtype=np.bool_)
        if roles.key is not None:
            keys[:] = [row.key for row in rows]
            if set(map(type, keys)) - {str}:
                keys[:] = ["" if key is None else str(key) for key in keys]
            errors.add(keys == "", values.NO_KEY, roles.key)
        is_local: NDArray[np.bool_] | None = None
        if roles.time is not None:
            times, bad, is_local = _parse_times(_times_of(rows, roles), roles.time_format)
            errors.add(bad, values.NOT_A_TIME, roles.time)
            errors.add(np.isnan(times), values.NO_TIME)
        if roles.end is not None:
            ends[:] = [bool(row.end) for row in rows]
        inputs: dict[str, NDArray[Any]] = {}
        for i, name in enumerate(roles.columns):
            if name in roles.words:
                inputs[name] = _words(rows, f"input{i}", roles.missing_in(name))
                continue
            inputs[name] = roles.missing_in(name).mask(_floats(rows, f"input{i}"))
            errors.add(np.isinf(inputs[name]), values.NOT_FINITE, name)
        errors.add(_without_inputs(inputs, records), NO_COLUMN)
        return Columns(
            keys, times, inputs, ends, errors.reasons, is_local=is_local if roles.timezone is not None else None
        )


def parse_object(record: bytes) -> dict[str, Any] | str:
    r"""Return the fields of a JSON object, or the reason why the record is not one.

    NaN, Infinity and numbers too large for a float are accepted. Text must be UTF-8, and no escape in it may be a lone
    surrogate, which is no character.

    Examples
    --------
    >>> parse_object(b'{"x": NaN}'), parse_object(b"[1]"), parse_object(b"?")
    ({'x': nan}, 'not a JSON object', 'not JSON')
    >>> parse_object(b'{"x": 1, "unit": "\xb0C"}')
    'not UTF-8'
    """
    try:
        parsed = msgspec.json.decode(record)
    except (ValueError, RecursionError):
        try:
            text = record.decode()
            parsed = json.loads(text)  # NaN and Infinity are not JSON, but Python writes them
            if "\\u" in text:
                json.dumps(parsed, ensure_ascii=False).encode()
        except UnicodeError:
            return values.NOT_UTF8
        except (ValueError, RecursionError):
            return NOT_JSON
    return parsed if isinstance(parsed, dict) else NOT_AN_OBJECT


def as_word(value: object) -> str:
    """Return a value that is not a number as text: a text as it is, another value by its kind.

    Examples
    --------
    >>> as_word("unavailable"), as_word([1]), as_word({})
    ('unavailable', '<array>', '<object>')
    """
    return value if isinstance(value, str) else "<array>" if isinstance(value, list) else "<object>"


def _checked(records: Sequence[bytes]) -> Sequence[bytes]:
    """Return records if all of them are UTF-8: the decoder does not look at fields that are not read.

    Raises
    ------
    UnicodeDecodeError
        If one of them is not.
    """
    joined = b"\n".join(records)
    if not joined.isascii():
        joined.decode()
    return records


def _floats(rows: list[Any], field: str) -> NDArray[np.float64]:
    """Return a field of all rows; None, for a missing field or null, becomes NaN."""
    get = attrgetter(field)
    try:
        return np.fromiter(map(get, rows), np.float64, len(rows))
    except TypeError:  # some are None
        return np.array(list(map(get, rows)), dtype=np.float64)


def _words(rows: list[Any], field: str, missing: MissingValues) -> NDArray[np.object_]:
    """Return a field of all rows as words (N,), None if missing; each distinct one is parsed once."""
    texts = [value if value.__class__ is str else _to_text(value) for value in map(attrgetter(field), rows)]
    parsed = {text: values.parse_word(text) for text in dict.fromkeys(texts)}
    words = {text: None if not word or missing.has(word) else word for text, word in parsed.items()}
    result = np.empty(len(rows), object)
    result[:] = [words[text] for text in texts]
    return result


def _to_text(value: object) -> str:
    """Return a value of a field of words as text, as the other formats have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _to_number(value: object, missing: MissingValues) -> float | None:
    """Return a value as a number, NaN if it is missing, None if it is not a number."""
    if value is None:
        return float("nan")
    if isinstance(value, str):
        return float("nan") if value.strip() in missing.texts else values.parse_number(value)
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    return None


def _to_key(value: object) -> str | None:
    """Return a key as text; 7.0 is 7, as in the other formats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, str | int) else None


def _to_time(value: object) -> str | float | None:
    if value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _to_number(value, NO_MISSING_VALUES)
    return "not a time"  # a text that no time format accepts


def _to_flag(value: object) -> bool | None:
    if isinstance(value, str):
        return values.parse_flag(value)
    if value is None or value in (0, 1):
        return bool(value)
    return None


def _time_fields(roles: ColumnRoles) -> tuple[str, ...]:
    """Return the field with the time, or those of date and time of day."""
    return roles.time_parts or (() if roles.time is None else (roles.time,))


def _times_of(rows: list[Any], roles: ColumnRoles) -> list[str | float | None]:
    """Return the times of rows; date and time of day as one text, None where one of them is missing."""
    if not roles.time_parts:
        return [row.time0 for row in rows]
    fields = [f"time{i}" for i in range(len(roles.time_parts))]
    parts = [[getattr(row, field) for field in fields] for row in rows]
    return [None if None in some or "" in some else " ".join(str(part).strip() for part in some) for some in parts]


def _parse_times(times: list[str | float | None], time_format: str) -> values.Times:
    """Return times that are text, numbers, or some of each."""
    texts = [value for value in times if isinstance(value, str)]
    if len(texts) == len(times):
        return values.parse_times(texts, time_format)
    numbers = np.array([None if isinstance(value, str) else value for value in times] if texts else times, np.float64)
    seconds, bad, is_local = values.number_times(numbers, time_format)
    if texts:
        is_text = [isinstance(value, str) for value in times]
        seconds[is_text], bad[is_text], is_local[is_text] = values.parse_times(texts, time_format)
    return values.Times(seconds, bad, is_local)


def _without_inputs(inputs: Mapping[str, NDArray[Any]], records: Sequence[bytes]) -> NDArray[np.bool_]:
    """Return which records have none of the fields (N,): records of another kind, not events with missing values."""
    without = np.ones(len(records), dtype=np.bool_)
    for column in inputs.values():
        is_missing = [value is None for value in column] if column.dtype == object else np.isnan(column)
        without &= is_missing
        if not without.any():
            break
    for i in np.flatnonzero(without):
        fields = parse_object(records[int(i)])
        without[i] = isinstance(fields, dict) and not any(name in fields for name in inputs)
    return without
