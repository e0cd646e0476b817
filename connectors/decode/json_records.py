"""Decoding of records that are JSON objects, from files or topics."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec
import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.columns import BadValues, Columns, Decoded, RowErrors
from stream_rnn.connectors.decode.isolate import decode_isolated, halves
from stream_rnn.connectors.decode.json_layout import Field, Layout, NoLayoutError
from stream_rnn.connectors.decode.json_paths import ABSENT, Blocked, Path, kind_of
from stream_rnn.connectors.decode.json_shape import Envelope, Shape, UnusableError, Unwrap, find
from stream_rnn.connectors.decode.schema import NO_MISSING_VALUES
from stream_rnn.connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.json_shape import Scope, Step
    from stream_rnn.connectors.decode.missing import MissingValues
    from stream_rnn.connectors.decode.schema import ColumnRoles

NOT_JSON = "not JSON"
NO_COLUMN = "has none of the columns"
WORD = str | int | float | bool | None
"""What a field may be that is read as a word."""
UNREADABLE = re.compile(r'["\\\x00-\x1f]')
"""Characters that msgspec does not allow in the name of a field."""
KEY, TIME, END, TAG, INPUT = "key", "time", "end", "tag", "input"
KINDS: dict[str, Any] = {
    KEY: str | int | None,
    TIME: str | float | None,
    END: bool | None,
    TAG: str | int | None,
    INPUT: float | bool | None,
}
"""Types of fields, by role."""


class Rows(Protocol):
    """Values of N rows by field: key, time, end, tag, then the inputs."""

    @property
    def elements(self) -> NDArray[np.int32] | None:
        """Number of each row in its record (N,); None if every record is one row."""

    def __len__(self) -> int: ...

    def column(self, field: int) -> list[Any]:
        """Return the values of a field (N,), None if missing."""

    def floats(self, field: int) -> NDArray[np.float64]:
        """Return the values of a field of numbers (N,), NaN if missing."""


class JsonDecoder:
    """Decodes records of JSON into columns.

    An event is an object; `json_shape` says how it is found in a record. A batch is decoded straight into the fields
    that are read, in the layout of the batch before. Only records that this rejects are decoded one by one, which also
    accepts numbers and flags as text, NaN, and words where numbers belong. Which layout is tried changes no result.

    Parameters
    ----------
    roles
        Which field is what.
    optional_time
        Whether events may be without time.

    Attributes
    ----------
    recognised : dict of str to None
        The envelopes that were recognised so far.

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
    >>> decoder.decode([b'[{"k": "a", "t": 6, "x": 3}, {"k": "a", "t": 7, "x": 4}]']).columns.elements
    array([0, 1], dtype=int32)
    """

    def __init__(self, roles: ColumnRoles, *, optional_time: bool = False) -> None:
        self.recognised: dict[str, None] = {}
        self._roles = roles
        self._optional_time = optional_time
        for name in (*roles.read, roles.unwrap, roles.records):
            if UNREADABLE.search(name):
                raise UsageError(
                    f"column {name!r}: JSON fields with quotes, backslashes or control characters cannot be read"
                )
        named = [
            (KEY, roles.key),
            *((TIME, name) for name in roles.time_parts or (roles.time,)),
            (END, roles.end),
            (TAG, roles.tag),
            *((INPUT, name) for name in roles.columns),
        ]
        present = [(role, Path.of(name)) for role, name in named if name is not None]
        self._fields = [
            Field(path, WORD if role == INPUT and path.name in roles.words else KINDS[role], role == INPUT)
            for role, path in present
        ]
        self._read = [role for role, _ in present]
        self._tag_numbers = {tag: float(number) for number, tag in enumerate(roles.tags)}
        self._shape = Shape(roles.columns, roles.unwrap, roles.records)
        paths = [field.path for field in self._fields] + [s.path for s in self._shape.steps if isinstance(s, Unwrap)]
        self._rests = {
            json.dumps(f"{step}{rest[len(step)]}", ensure_ascii=False)[:-1].encode()
            for path in paths
            for rest, step in zip(path.rests, map(str, path.steps), strict=True)
            if rest != step and rest.startswith(step)
        }
        """how names of fields that may be paths start"""
        self._layouts: dict[tuple[tuple[Step, ...], bool], Layout | None] = {}
        self._steps = self._shape.steps
        """how the events of most records of the last batch were found: what is tried first"""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode records; those without an event are refused, and so is each that raises anything."""
        return decode_isolated(records, self._decode, halves, self._roles.inputs)

    def _decode(self, records: Sequence[bytes]) -> Decoded:
        joined = b"\n".join(records)
        layout = self._layout(joined)
        decoded: list[Any] = []
        fast: list[int] | range = range(0)
        if layout is not None:
            try:
                _check_utf8(joined)
                decoded, fast = list(map(layout.decode, records)), range(len(records))
            except (ValueError, RecursionError):
                decoded, fast = _decode_each(layout, records)
            table = layout.table(decoded)
            inputs = self._inputs(table)
            missing = _are_missing(inputs, len(table))
            if missing.any():
                without = set(table.records[missing].tolist())
                kept = [i for i in range(len(fast)) if i not in without]
                decoded, fast = [decoded[i] for i in kept], [fast[i] for i in kept]
                table = layout.table(decoded)
                inputs = self._inputs(table)
            numbers = np.array(fast, np.int64)[table.records] if len(fast) < len(records) else table.records
            columns = self._columns(table, inputs)
            if len(fast) == len(records):
                return Decoded(columns, numbers, {})
        done = set(fast)
        rows, others, refused, bad_values = self._expand(records, [i for i in range(len(records)) if i not in done])
        slow = self._columns(rows, self._inputs(rows), rows.reasons, rows.without)._replace(bad_values=bad_values)
        if not decoded:
            return Decoded(slow, others, refused)
        numbers = np.concatenate([numbers, others])
        order = np.argsort(numbers, kind="stable")
        return Decoded(Columns.concat([columns, slow]).take(order), numbers[order], refused)

    def _layout(self, joined: bytes) -> Layout | None:
        """Return the layout to try, None if there is no type for these records."""
        with_rests = bool(self._rests) and (b"\\u" in joined or any(rest in joined for rest in self._rests))
        chosen = self._steps, with_rests
        if chosen not in self._layouts:
            try:
                self._layouts[chosen] = Layout(self._fields, self._steps, with_rests=with_rests)
            except NoLayoutError:
                self._layouts[chosen] = None
        return self._layouts[chosen]

    def _expand(
        self, records: Sequence[bytes], numbers: list[int]
    ) -> tuple[_FoundRows, NDArray[np.int64], dict[int, str], list[BadValues]]:
        """Decode the records with these numbers one by one; return rows, their records, and why others have none."""
        rows = _FoundRows(len(self._fields))
        places: list[int] = []
        refused: dict[int, str] = {}
        bad_values: list[BadValues] = []
        found: Counter[tuple[Step, ...]] = Counter()
        for number in numbers:
            try:
                expanded = self._shape.expand(parse_json(records[number]))
            except UnusableError as error:
                refused[number] = str(error)
                continue
            found[expanded.steps] += 1
            for element, scope in enumerate(expanded.scopes):
                words = rows.add(scope if isinstance(scope, str) else self._row(scope), element)
                bad_values += [BadValues(name, np.array([len(places)]), [word]) for name, word in words.items()]
                places.append(number)
        for steps, count in found.most_common(1):
            if 2 * count > len(records):
                self._steps = steps
        self.recognised |= {step.describe(): None for some in found for step in some if isinstance(step, Envelope)}
        return rows, np.array(places, np.int64), refused, bad_values

    def _row(self, scope: Scope) -> _FoundRow | str:
        """Return the values of an event, or the reason why it cannot be used.

        Numbers and flags may be text, and numbers NaN; words where numbers belong are missing values.
        """
        row = _FoundRow([], {}, [])
        for role, field in zip(self._read, self._fields, strict=True):
            found = find(scope, field.path)
            value = None if found is ABSENT else found
            if role == INPUT:
                name, missing = field.path.name, self._roles.missing_in(field.path.name)
                reads_words = name in self._roles.words
                is_bad = not isinstance(value, WORD) if reads_words else (number := _to_number(value, missing)) is None
                if is_bad and self._roles.bad_values == "refuse":
                    return f"column {name!r}: {values.NOT_A_WORD if reads_words else values.NOT_A_NUMBER}"
                if is_bad:
                    row.words[name] = as_word(value)
                row.present.append(found is not ABSENT)
                row.values.append(None if is_bad else value if reads_words else number)
            elif role in (KEY, TAG):
                row.values.append(as_key(value))
            elif role == TIME:
                row.values.append(_to_time(value))
            else:
                flag = _to_flag(value)
                if flag is None:
                    return f"column {field.path.name!r}: {values.NOT_A_FLAG}"
                row.values.append(flag)
        return row

    def _inputs(self, rows: Rows) -> dict[str, NDArray[Any]]:
        inputs: dict[str, NDArray[Any]] = {}
        for i, field in enumerate(self._fields):
            if field.is_input:
                name, missing = field.path.name, self._roles.missing_in(field.path.name)
                if name in self._roles.words:
                    inputs[name] = _words(rows.column(i), missing, as_text=name in self._roles.texts)
                else:
                    inputs[name] = missing.mask(rows.floats(i))
        return inputs

    def _columns(
        self,
        rows: Rows,
        inputs: dict[str, NDArray[Any]],
        reasons: Mapping[int, str] | None = None,
        without: NDArray[np.bool_] | None = None,
    ) -> Columns:
        """Return the columns of rows; some have a reason already, and some are without inputs, (N,)."""
        roles, errors = self._roles, RowErrors()
        errors.reasons.update(reasons or {})
        keys = np.full(len(rows), "", dtype=object)
        times = np.full(len(rows), np.nan)
        ends = np.zeros(len(rows), dtype=np.bool_)
        if roles.key is not None:
            keys[:] = rows.column(self._read.index(KEY))
            if set(map(type, keys)) - {str}:
                keys[:] = ["" if key is None else str(key) for key in keys]
            errors.add(keys == "", values.NO_KEY, roles.key)
        is_local: NDArray[np.bool_] | None = None
        if roles.time is not None:
            times, bad, is_local = _parse_times(self._times_of(rows), roles.time_format)
            errors.add(bad, values.NOT_A_TIME, roles.time)
            if not self._optional_time:
                errors.add(np.isnan(times), values.NO_TIME)
        if roles.end is not None:
            ends[:] = list(map(bool, rows.column(self._read.index(END))))
        for name, column in inputs.items():
            if name not in roles.words:
                errors.add(np.isinf(column), values.NOT_FINITE, name)
        if without is not None:
            errors.add(without, NO_COLUMN)
        if roles.tag is not None:
            tags = rows.column(self._read.index(TAG))
            numbers = [self._tag_numbers.get(str(tag).strip(), -1.0) for tag in tags]
            inputs = {roles.tag: np.array(numbers, np.float64)} | inputs
            errors.add(inputs[roles.tag] < 0.0, values.NOT_A_TAG, roles.tag)
        is_local = None if roles.timezone is None else is_local
        return Columns(keys, times, inputs, ends, errors.reasons, is_local=is_local, elements=rows.elements)

    def _times_of(self, rows: Rows) -> list[str | float | None]:
        """Return the times of rows (N,); date and time of day as one text, None where one of them is missing."""
        parts = [rows.column(i) for i, role in enumerate(self._read) if role == TIME]
        if len(parts) == 1:
            return parts[0]
        return [
            None if None in some or "" in some else " ".join(str(part).strip() for part in some)
            for some in zip(*parts, strict=True)
        ]


class _FoundRow(NamedTuple):
    """Values of one event, by field."""

    values: list[Any]
    words: dict[str, str]
    """the values that are missing because they are not numbers, by input"""
    present: list[bool]
    """whether the event has each input"""


class _FoundRows:
    """Values of the events of records that were decoded one by one."""

    def __init__(self, fields: int) -> None:
        self.reasons: dict[int, str] = {}
        """why a row cannot be used, by row"""
        self._without: list[bool] = []
        self._elements: list[int] = []
        self._values: list[list[Any]] = [[] for _ in range(fields)]

    def __len__(self) -> int:
        return len(self._elements)

    def add(self, row: _FoundRow | str, element: int) -> dict[str, str]:
        """Add an event, or the reason why it cannot be used; return its values that are not numbers."""
        is_row = isinstance(row, _FoundRow)
        if not is_row:
            self.reasons[len(self)] = str(row)
        for i, column in enumerate(self._values):
            column.append(row.values[i] if isinstance(row, _FoundRow) else None)
        self._without.append(isinstance(row, _FoundRow) and not any(row.present))
        self._elements.append(element)
        return row.words if isinstance(row, _FoundRow) else {}

    @property
    def without(self) -> NDArray[np.bool_]:
        """Which rows have none of the inputs (N,): records of another kind, not events with missing values."""
        return np.array(self._without, np.bool_)

    @property
    def elements(self) -> NDArray[np.int32] | None:
        """Number of each row in its record (N,); None if every record is one row."""
        return np.array(self._elements, np.int32) if any(self._elements) else None

    def column(self, field: int) -> list[Any]:
        """Return the values of a field (N,), None if missing."""
        return self._values[field]

    def floats(self, field: int) -> NDArray[np.float64]:
        """Return the values of a field of numbers (N,), NaN if missing."""
        return np.array(self._values[field], dtype=np.float64)


def _decode_each(layout: Layout, records: Sequence[bytes]) -> tuple[list[Any], list[int]]:
    """Return the records that a layout accepts, decoded, and their numbers."""
    decoded: list[Any] = []
    numbers: list[int] = []
    for i, record in enumerate(records):
        try:
            _check_utf8(record)
            decoded.append(layout.decode(record))
        except (ValueError, RecursionError):
            continue
        numbers.append(i)
    return decoded, numbers


def _are_missing(inputs: Mapping[str, NDArray[Any]], count: int) -> NDArray[np.bool_]:
    """Return which rows (N,) have no value of any input."""
    missing = np.ones(count, dtype=np.bool_)
    for column in inputs.values():
        missing &= [value is None for value in column] if column.dtype == object else np.isnan(column)
        if not missing.any():
            break
    return missing


def parse_json(record: bytes) -> Any:
    r"""Return a JSON value.

    NaN, Infinity and numbers too large for a float are accepted. Text must be UTF-8, and no escape in it may be a lone
    surrogate, which is no character.

    Raises
    ------
    UnusableError
        If it is not JSON, or not UTF-8.

    Examples
    --------
    >>> parse_json(b'{"x": NaN}')
    {'x': nan}
    >>> parse_json(b'{"x": 1, "unit": "\xb0C"}')
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.decode.json_shape.UnusableError: not UTF-8
    """
    try:
        return msgspec.json.decode(record)
    except (ValueError, RecursionError):
        try:
            text = record.decode()
            parsed = json.loads(text)  # NaN and Infinity are not JSON, but Python writes them
            if "\\u" in text:
                json.dumps(parsed, ensure_ascii=False).encode()
        except UnicodeError:
            raise UnusableError(values.NOT_UTF8) from None
        except (ValueError, RecursionError):
            raise UnusableError(NOT_JSON) from None
    return parsed


def as_word(value: object) -> str:
    """Return a value that is not a number as text: a text as it is, another value by its kind.

    Examples
    --------
    >>> as_word("unavailable"), as_word([1]), as_word({})
    ('unavailable', '<array>', '<object>')
    """
    if isinstance(value, Blocked):
        return value.word
    return value if isinstance(value, str) else kind_of(value)


def _check_utf8(data: bytes) -> None:
    """Check that records are UTF-8: a layout does not look at fields that are not read.

    Raises
    ------
    UnicodeDecodeError
        If one of them is not.
    """
    if not data.isascii():
        data.decode()


def _words(column: list[Any], missing: MissingValues, *, as_text: bool) -> NDArray[np.object_]:
    """Return values (N,) as words, None if missing; each distinct one is parsed once."""
    texts = [value if value.__class__ is str else _to_text(value) for value in column]
    parse = values.parse_text if as_text else values.parse_word
    parsed = {text: parse(text) for text in dict.fromkeys(texts)}
    words = {text: None if not word or missing.has(word) else word for text, word in parsed.items()}
    result = np.empty(len(column), object)
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


def as_key(value: object) -> str | None:
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
