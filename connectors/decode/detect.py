"""Detect the role and type of each column from the first records of a source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_rnn.connectors.bad_values import unit_of
from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.detect_time import TimeSample, detect_time, sample_times, why_a_clock
from stream_rnn.connectors.decode.key_hint import alternates, is_whole, separates_numbers, separates_repeats
from stream_rnn.connectors.decode.missing import MissingValues, likely_sentinels, sentinel_warning
from stream_rnn.connectors.decode.numerals import PLAIN
from stream_rnn.connectors.decode.readings import tags_of
from stream_rnn.connectors.decode.schema import ColumnRoles
from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.detect_time import TimeColumn
    from stream_rnn.connectors.decode.numerals import Numerals
    from stream_rnn.connectors.decode.schema import Schema

SAMPLE_SIZE = 1000
"""Number of records that are read to detect the columns."""
EMPTY = f"empty in the first {SAMPLE_SIZE:,} records"
MIN_SHARE = 0.5
"""A column is numeric, or a time, if at least this share of its values are: one garbled record must not exclude it, and
a column of names with an occasional "12" is still text."""
INFLUX_TABLE = "table"
INFLUX_NAMES = {"result", INFLUX_TABLE, "_time"}
"""Columns of the result of a query of InfluxDB, in which each series is a table."""
MAX_EXAMPLE_CHARACTERS = 20
WITH_UNIT = "numbers with a unit"
WITHOUT_UNIT = "write the numbers without it, and the unit in the column's name"
NAME_IT = "name it in categories if it has few different texts, or set tokens to word or character for an embedding"
MAX_UNITS = 3
"""A column of more units than this is text, such as numbers of houses."""
MIN_WITH_UNIT = 10
"""Numbers with a unit that a column must have not to be one of numbers, if some of its values are."""
MAX_REASONS_LISTED = 5


class ColumnSample(TimeSample, Protocol):
    """The first values of a column."""

    def why_not_numeric(self, min_share: float) -> str:
        """Return why the column is not numeric; an empty string if at least `min_share` of its values are numbers."""

    def has_numbers(self) -> bool:
        """Return whether any value is a number."""

    def texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing; no values if they are neither text nor whole numbers."""

    def words(self) -> list[str]:
        """Return the distinct words among the values, in order of appearance."""

    def without(self, missing: MissingValues) -> ColumnSample:
        """Return the sample with empty values for those that stand for a missing one."""


class TextSample:
    """The first values of a column of text.

    Parameters
    ----------
    texts
        None is missing.
    numerals
        How numbers are written.

    Examples
    --------
    >>> sample = TextSample(["12", "NA", "hot", "13"])
    >>> sample.why_not_numeric(min_share=0.5)
    ''
    >>> sample.why_not_numeric(min_share=0.9)
    "text ('hot')"
    """

    def __init__(self, texts: Sequence[str | None], numerals: Numerals = PLAIN) -> None:
        self._texts = ["" if text is None else text for text in texts]
        self._numerals = numerals

    def why_not_numeric(self, min_share: float) -> str:
        """Return why the column is not numeric; an empty string if at least `min_share` of its values are numbers."""
        numbers = [values.parse_number(text, self._numerals) for text in self._texts]
        bad = [text for text, number in zip(self._texts, numbers, strict=True) if number is None]
        count, with_unit = _count_finite(numbers), [text for text in bad if unit_of(text)]
        has_units = (
            len(set(map(unit_of, with_unit))) <= MAX_UNITS
            and (not count or len(with_unit) >= MIN_WITH_UNIT)
            and _is_share(len(with_unit), count + len(bad) - len(with_unit), MIN_SHARE)
        )
        if has_units:
            return f"{WITH_UNIT} ({with_unit[0][:MAX_EXAMPLE_CHARACTERS]!r})"
        if _is_share(count, len(bad), min_share):
            return ""
        return f"text ({bad[0][:MAX_EXAMPLE_CHARACTERS]!r})" if bad else EMPTY

    def has_numbers(self) -> bool:
        """Return whether any value is a number."""
        return _count_finite(values.parse_number(text, self._numerals) for text in self._texts) > 0

    def is_time(self, time_format: str) -> bool:
        """Return whether most values are times."""
        times = values.parse_times(self._texts, time_format)
        return _is_share(int(np.isfinite(times.seconds).sum()), int(times.bad.sum()), MIN_SHARE)

    def times(self, time_format: str) -> NDArray[np.float64]:
        """Return the values as seconds since 1970-01-01 (N,), NaN for those that are not times."""
        return values.parse_times(self._texts, time_format).seconds

    def time_texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing."""
        return ["" if text in values.MISSING else text for text in self._texts]

    def texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing."""
        return self._texts

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as numbers (N,), NaN for those that are not."""
        numbers = [values.parse_number(text, self._numerals) for text in self._texts]
        return np.array(numbers, np.float64)  # None becomes NaN

    def words(self) -> list[str]:
        """Return the distinct words among the values, in order of appearance."""
        words = [values.parse_word(text, self._numerals) for text in self._texts]
        return [word for word in dict.fromkeys(words) if word]

    def without(self, missing: MissingValues) -> TextSample:
        """Return the sample with empty values for those that stand for a missing one."""
        words = [values.parse_word(text, self._numerals) or "" for text in self._texts]
        is_missing = [
            missing.has(word) or text.strip() in missing.texts for word, text in zip(words, self._texts, strict=True)
        ]
        return TextSample(
            ["" if gap else text for gap, text in zip(is_missing, self._texts, strict=True)], self._numerals
        )


class UnusableSample:
    """A column that cannot be read, whatever its values are.

    Parameters
    ----------
    reason
        Why.

    Examples
    --------
    >>> UnusableSample("damaged").why_not_numeric(0.0)
    'damaged'
    """

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def why_not_numeric(self, min_share: float) -> str:  # noqa: ARG002 - no value counts
        """Return the reason."""
        return self._reason

    def has_numbers(self) -> bool:
        """Return False."""
        return False

    def is_time(self, time_format: str) -> bool:  # noqa: ARG002 - no value counts
        """Return False."""
        return False

    def times(self, time_format: str) -> NDArray[np.float64]:  # noqa: ARG002 - no value counts
        """Return no times."""
        return np.zeros(0)

    def texts(self) -> Sequence[str]:
        """Return no values."""
        return ()

    def time_texts(self) -> Sequence[str]:
        """Return no values."""
        return ()

    def numbers(self) -> NDArray[np.float64]:
        """Return no numbers."""
        return np.zeros(0)

    def words(self) -> list[str]:
        """Return no words."""
        return []

    def without(self, missing: MissingValues) -> UnusableSample:  # noqa: ARG002 - no value counts
        """Return the sample itself."""
        return self


def resolve_roles(schema: Schema, path: str, samples: Mapping[str, ColumnSample]) -> ColumnRoles:
    """Decide the role and type of each column from the schema and the first records.

    Parameters
    ----------
    schema
        What the user named.
    path
        Source, for error messages.
    samples
        The first values of every column, in the order of the source.

    Raises
    ------
    ConnectorError
        If a named column does not exist or an input is text, or no column is numeric.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.schema import Schema
    >>> samples = {"ts": TextSample(["2024-01-31"]), "x": TextSample(["1"]), "note": TextSample(["on"])}
    >>> roles = resolve_roles(Schema(), "a.csv", samples)
    >>> roles.time, roles.columns, roles.ignored
    ('ts', ('x',), {'note': "text ('on')"})
    """
    schema.check_columns(path, samples)
    names = (*samples, *schema.named(samples))  # nested ones are not listed by themselves
    samples = {name: samples[name] for name in names}
    missing = {name: MissingValues.of(schema.missing_values, name) for name in samples} if schema.missing_values else {}
    time = detect_time(schema, path, samples)
    ignored: dict[str, str] = {}
    cleaned = {name: sample.without(missing[name]) if missing else sample for name, sample in samples.items()}
    if schema.columns:
        columns = schema.columns
        _check_inputs([name for name in columns if name not in schema.words], path, cleaned)
    else:
        taken = (schema.key, time.name, *time.parts, schema.end, schema.tag)
        candidates = [name for name in samples if name not in taken]
        reasons = {
            name: "" if name in schema.words else cleaned[name].why_not_numeric(MIN_SHARE) or why_a_clock(samples[name])
            for name in candidates
        }
        if samples.keys() >= INFLUX_NAMES:
            reasons |= {name: "numbers the tables of a query" for name in candidates if name == INFLUX_TABLE}
        ignored = {name: why if name else "without a name" for name, why in reasons.items() if why or not name}
        columns = tuple(name for name in candidates if name not in ignored)
    if not columns:
        raise ConnectorError(f"{path}: no numeric column{_list_reasons(ignored)}")
    # What is far out among the values of one tag is usual among those of another.
    numbers = {name: cleaned[name] for name in columns if name not in schema.words and schema.tag is None}
    return ColumnRoles(
        key=schema.key,
        time=time.name,
        end=schema.end,
        columns=columns,
        time_format=time.time_format,
        numeric_time=time.name is not None and time.name in samples and samples[time.name].has_numbers(),
        ignored=ignored,
        bad_values=schema.bad_values,
        key_hint=_key_hint(schema, time, path, samples),
        unwrap=schema.unwrap,
        records=schema.records,
        recognised=(time.note,) if time.note else (),
        time_parts=time.parts,
        timezone=schema.timezone,
        words=schema.words,
        texts=schema.texts,
        first_words={name: cleaned[name].words() for name in schema.words},
        missing={name: missing[name] for name in columns} if missing else {},
        warnings=_warnings(path, numbers, ignored),
        tag=schema.tag,
        tags=schema.tags or (() if schema.tag is None else tags_of(samples[schema.tag].texts(), path, schema.tag)),
    )


def _warnings(path: str, inputs: Mapping[str, ColumnSample], ignored: Mapping[str, str]) -> tuple[str, ...]:
    """Return which inputs have likely codes for missing values, and which columns are not read because of a unit."""
    codes = {name: likely_sentinels(sample.numbers()) for name, sample in inputs.items()}
    return (
        *(sentinel_warning(path, name, found) for name, found in codes.items() if found),
        *(
            f"{path}: column {name!r} is not read: its values are {why}; {WITHOUT_UNIT}"
            for name, why in ignored.items()
            if why.startswith(WITH_UNIT)
        ),
    )


def _key_hint(schema: Schema, time: TimeColumn, path: str, samples: Mapping[str, ColumnSample]) -> str:
    """Return which column may be the key: one within whose values times increase, or inputs change little."""
    if schema.key is not None or schema.tag is not None or time.name is None:
        return ""
    times = sample_times(samples, time)
    named = (time.name, *time.parts, schema.end, *schema.columns, *schema.words)
    others = {name: sample for name, sample in samples.items() if name not in named}
    texts = {name: sample.texts() for name, sample in others.items() if sample.why_not_numeric(MIN_SHARE)}
    inputs = {name: sample.numbers() for name, sample in others.items() if name not in texts}
    for name, column in texts.items():
        if separates_repeats(column, times):
            found = f"times repeat, and column {name!r} has {len(set(column) - {''})} distinct texts"
            return f"{path}: no key is set, {found}: is it the key, as with --key {name}?"
    for name, numbers in inputs.items():
        column = others[name].texts()
        if is_whole(numbers) and separates_numbers(column, times):
            found = f"times repeat, and column {name!r} has {len(set(column) - {''})} distinct numbers"
            return f"{path}: no key is set, {found}: is it the key, as with --key {name}?"
    for name, column in texts.items():
        if alternates(column, inputs):
            found = f"rows alternate between {len(set(column) - {''})} texts of column {name!r}"
            return f"{path}: no key is set, and {found}: is it the key, as with --key {name}?"
    return ""


def _check_inputs(columns: Sequence[str], path: str, samples: Mapping[str, ColumnSample]) -> None:
    for name in columns:
        if (why := samples[name].why_not_numeric(0.0)) and why != EMPTY:
            hint = (
                f": {WITHOUT_UNIT}" if why.startswith(WITH_UNIT) else f": {NAME_IT}" if why.startswith("text (") else ""
            )
            raise ConnectorError(f"{path}: column {name!r} is {why}, an input must be numbers{hint}")


def _count_finite(numbers: Iterable[float | None]) -> int:
    return sum(number is not None and math.isfinite(number) for number in numbers)


def _is_share(good: int, bad: int, min_share: float) -> bool:
    """Return whether there are good values, and they are at least this share of all that are not missing."""
    return good > 0 and good >= min_share * (good + bad)


def _list_reasons(ignored: Mapping[str, str]) -> str:
    listed = [f"{name!r} is {why}" for name, why in list(ignored.items())[:MAX_REASONS_LISTED]]
    return f"; {', '.join(listed)}" if listed else ""
