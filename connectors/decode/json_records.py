"""JSON objects, one a record: decoded straight into the fields that are read, whatever brought them."""

from __future__ import annotations

import json
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.decoding import Columns, Faults
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.reader import Decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import Roles

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not a JSON object"
UNREADABLE = re.compile(r'["\\\x00-\x1f]')
"""What msgspec allows in no field's name."""
NO_COLUMN = "has none of the columns"


class JsonRecords:
    """Decodes records that are JSON objects.

    Parameters
    ----------
    roles : Roles
        What each field is.

    Raises
    ------
    UsageError
        When a field's name is not one that can be read.
    """

    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        kinds: list[tuple[str | None, str, Any]] = [
            (roles.key, "key", str | int | None),
            (roles.time, "time", str | float | None),
            (roles.end, "end", bool | None),
            *((name, f"input{i}", float | bool | None) for i, name in enumerate(roles.columns)),
        ]
        for name in roles.read:
            if UNREADABLE.search(name):
                raise UsageError(f"column {name!r}: of JSON no field with a quote, backslash or control sign is read")
        named = [(name, field, kind) for name, field, kind in kinds if name is not None]
        self._row: type[Any] = msgspec.defstruct(
            "Row",
            [(field, kind, None) for _, field, kind in named],
            rename={field: name for name, field, _ in named},
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(self._row)

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode records: rows of those that are objects, and why the others are none."""
        try:
            rows = list(map(self._decoder.decode, records))
        except (ValueError, RecursionError):
            rows, numbers, refused = self._one_by_one(records)
            return Decoded(self._columns(rows, [records[i] for i in numbers]), np.array(numbers, np.int64), refused)
        return Decoded(self._columns(rows, records), np.arange(len(rows), dtype=np.int64), {})

    def _one_by_one(self, records: Sequence[bytes]) -> tuple[list[Any], list[int], dict[int, str]]:
        rows: list[Any] = []
        numbers: list[int] = []
        refused: dict[int, str] = {}
        for i, record in enumerate(records):
            try:
                rows.append(self._decoder.decode(record))
            except (ValueError, RecursionError):
                row = self._lenient(record)
                if isinstance(row, str):
                    refused[i] = row
                    continue
                rows.append(row)
            numbers.append(i)
        return rows, numbers, refused

    def _lenient(self, record: bytes) -> Any:
        """Read numbers that stand as text, NaN, true and false: a row, or the reason why it is none."""
        roles, fields = self._roles, parse(record)
        if isinstance(fields, str):
            return fields
        row = self._row()
        for i, name in enumerate(roles.columns):
            number = _number(fields.get(name))
            if number is None:
                return f"column {name!r}: {values.NOT_A_NUMBER}"
            setattr(row, f"input{i}", number)
        if roles.key is not None:
            row.key = _key(fields.get(roles.key))
        if roles.time is not None:
            row.time = _time(fields.get(roles.time))
        if roles.end is not None:
            row.end = _flag(fields.get(roles.end))
            if row.end is None:
                return f"column {roles.end!r}: {values.NOT_A_FLAG}"
        return row

    def _columns(self, rows: list[Any], records: Sequence[bytes]) -> Columns:
        roles, faults = self._roles, Faults()
        keys = np.full(len(rows), "", dtype=object)
        times = np.full(len(rows), np.nan)
        ends = np.zeros(len(rows), dtype=np.bool_)
        if roles.key is not None:
            keys[:] = [row.key for row in rows]
            if set(map(type, keys)) - {str}:
                keys[:] = ["" if key is None else str(key) for key in keys]
            faults.note(keys == "", values.NO_KEY, roles.key)
        if roles.time is not None:
            times, bad = _times([row.time for row in rows], roles.time_format)
            faults.note(bad, values.NOT_A_TIME, roles.time)
            faults.note(np.isnan(times), values.NO_TIME)
        if roles.end is not None:
            ends[:] = [bool(row.end) for row in rows]
        inputs = {}
        for i, name in enumerate(roles.columns):
            inputs[name] = _floats(rows, f"input{i}")
            faults.note(np.isinf(inputs[name]), values.NOT_FINITE, name)
        faults.note(_unknown(inputs, records), NO_COLUMN)
        return Columns(keys, times, inputs, ends, faults.reasons)


def _floats(rows: list[Any], field: str) -> NDArray[np.float64]:
    """Gather one field of all rows; a missing field and null are None and become NaN."""
    get = attrgetter(field)
    try:
        return np.fromiter(map(get, rows), np.float64, len(rows))
    except TypeError:  # some are None
        return np.array(list(map(get, rows)), dtype=np.float64)


def parse(record: bytes) -> dict[str, Any] | str:
    """Decode any object, also one with NaN or a number too large for a float, or say why it is none."""
    try:
        found = msgspec.json.decode(record)
    except (ValueError, RecursionError):
        try:
            found = json.loads(record)  # NaN and Infinity are no JSON, but Python writes them
        except (ValueError, RecursionError):
            return NOT_JSON
    return found if isinstance(found, dict) else NOT_AN_OBJECT


def _number(value: object) -> float | None:
    """Read one value as a number, missing as NaN, None when it is none."""
    if value is None:
        return float("nan")
    if isinstance(value, str):
        return values.number(value)
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return float("inf")
    return None


def _key(value: object) -> str | None:
    """Give a key as text; 7.0 is 7, as in the other formats."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, str | int) else None


def _time(value: object) -> str | float | None:
    if value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return _number(value)
    return "not a time"


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return values.flag(value)
    if value is None or value in (0, 1):
        return bool(value)
    return None


def _times(found: list[str | float | None], time_format: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read times that are text, numbers, or some of both."""
    kinds = set(map(type, found))
    if kinds == {str}:
        return values.times(pa.array(found, pa.string()), time_format)
    is_text = np.array([isinstance(value, str) for value in found], dtype=np.bool_)
    raw = np.array([None if isinstance(value, str) else value for value in found], dtype=np.float64)
    result = np.full(len(found), np.nan) if time_format == "iso" else values.epoch(raw, time_format)
    bad = np.isnan(result) & ~np.isnan(raw)
    if is_text.any():
        texts = pa.array([value for value in found if isinstance(value, str)], pa.string())
        result[is_text], bad[is_text] = values.times(texts, time_format)
    return result, bad


def _unknown(inputs: Mapping[str, NDArray[np.float64]], records: Sequence[bytes]) -> NDArray[np.bool_]:
    """Find the records that name none of the inputs: of another kind, not events with missing values."""
    unknown = np.ones(len(records), dtype=np.bool_)
    for column in inputs.values():
        unknown &= np.isnan(column)
        if not unknown.any():
            break
    for i in np.flatnonzero(unknown):
        fields = parse(records[int(i)])
        unknown[i] = isinstance(fields, dict) and not any(name in fields for name in inputs)
    return unknown
