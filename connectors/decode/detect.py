"""Which column is what is detected from the first records of a source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.schema import ColumnRoles
from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import Schema

TIME_NAMES = ("time", "timestamp", "date", "datetime", "ts")
SAMPLE_SIZE = 1000
"""Number of records that are read to detect what the columns are."""
EMPTY = f"empty in the first {SAMPLE_SIZE:,} records"
MIN_SHARE = 0.5
"""A column is numeric, or a time, if at least this share of its values are: one garbled record must not exclude it, and
a column of names with an occasional "12" is still text."""
MAX_REPEATS = 0.1
"""A column looks like a key if at most this share of the times that repeat also repeat among the rows of one text."""
MAX_EXAMPLE_CHARACTERS = 20
MAX_REASONS_LISTED = 5


class ColumnSample(Protocol):
    """The first values of a column."""

    def why_not_numeric(self, min_share: float) -> str:
        """Return why the column is not numeric; an empty string if at least `min_share` of its values are numbers."""

    def has_numbers(self) -> bool:
        """Return whether any value is a number."""

    def is_time(self, time_format: str) -> bool:
        """Return whether most values are times."""

    def times(self, time_format: str) -> NDArray[np.float64]:
        """Return the values as seconds since 1970-01-01 UTC (N,), NaN for those that are not times."""

    def texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing; no values if the column is not text."""


class TextSample:
    """The first values of a column of text.

    Parameters
    ----------
    texts
        None is missing.

    Examples
    --------
    >>> sample = TextSample(["12", "NA", "hot", "13"])
    >>> sample.why_not_numeric(min_share=0.5)
    ''
    >>> sample.why_not_numeric(min_share=0.9)
    "text ('hot')"
    """

    def __init__(self, texts: Sequence[str | None]) -> None:
        self._texts = ["" if text is None else text for text in texts]

    def why_not_numeric(self, min_share: float) -> str:
        """Return why the column is not numeric; an empty string if at least `min_share` of its values are numbers."""
        numbers = [values.parse_number(text) for text in self._texts]
        bad = [text for text, number in zip(self._texts, numbers, strict=True) if number is None]
        if _is_share(_count_finite(numbers), len(bad), min_share):
            return ""
        return f"text ({bad[0][:MAX_EXAMPLE_CHARACTERS]!r})" if bad else EMPTY

    def has_numbers(self) -> bool:
        """Return whether any value is a number."""
        return _count_finite(map(values.parse_number, self._texts)) > 0

    def is_time(self, time_format: str) -> bool:
        """Return whether most values are times."""
        times, bad = values.parse_times(self._texts, time_format)
        return _is_share(int(np.isfinite(times).sum()), int(bad.sum()), MIN_SHARE)

    def times(self, time_format: str) -> NDArray[np.float64]:
        """Return the values as seconds since 1970-01-01 UTC (N,), NaN for those that are not times."""
        return values.parse_times(self._texts, time_format)[0]

    def texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing."""
        return self._texts


def resolve_roles(schema: Schema, path: str, samples: Mapping[str, ColumnSample]) -> ColumnRoles:
    """Decide what each column is from the schema and the first records.

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
    samples = {name: samples[name] for name in (*samples, *schema.named)}  # nested ones are not listed by themselves
    time = schema.time if schema.time is not None else _detect_time(schema, samples)
    time = time or None
    ignored: dict[str, str] = {}
    if schema.columns:
        columns = schema.columns
        _check_inputs(columns, path, samples)
    else:
        candidates = [name for name in samples if name not in (schema.key, time, schema.end)]
        reasons = {name: samples[name].why_not_numeric(MIN_SHARE) for name in candidates}
        ignored = {name: why if name else "without a name" for name, why in reasons.items() if why or not name}
        columns = tuple(name for name in candidates if name not in ignored)
    if not columns:
        raise ConnectorError(f"{path}: no numeric column{_list_reasons(ignored)}")
    return ColumnRoles(
        key=schema.key,
        time=time,
        end=schema.end,
        columns=columns,
        time_format=schema.time_format,
        numeric_time=time is not None and samples[time].has_numbers(),
        ignored=ignored,
        bad_values=schema.bad_values,
        key_hint=_key_hint(schema, time, path, samples),
        unwrap=schema.unwrap,
        records=schema.records,
    )


def _detect_time(schema: Schema, samples: Mapping[str, ColumnSample]) -> str | None:
    named = (schema.key, schema.end, *schema.columns)
    for name, sample in samples.items():
        if name.strip().lower() in TIME_NAMES and name not in named and sample.is_time(schema.time_format):
            return name
    return None


def _key_hint(schema: Schema, time: str | None, path: str, samples: Mapping[str, ColumnSample]) -> str:
    """Return which column may be the key: one of few texts, among whose rows times increase as they do not overall."""
    if schema.key is not None or time is None:
        return ""
    times = samples[time].times(schema.time_format)
    repeats = _count_repeats(times)
    for name, sample in samples.items() if repeats else ():
        if name in (time, schema.end, *schema.columns) or not sample.why_not_numeric(MIN_SHARE):
            continue
        texts = np.array(sample.texts(), object)
        distinct = set(texts.tolist()) - {""}
        if 2 <= len(distinct) <= len(texts) / 2:
            within = sum(_count_repeats(times[texts == text]) for text in distinct)
            if within <= MAX_REPEATS * repeats:
                return (
                    f"{path}: no key is set, times repeat, and column {name!r} has {len(distinct)} distinct texts: "
                    f"is it the key, as with --key {name}?"
                )
    return ""


def _count_repeats(times: NDArray[np.float64]) -> int:
    """Return how often a time (N,) is not later than the known one before it."""
    return int((np.diff(times[np.isfinite(times)]) <= 0.0).sum())


def _check_inputs(columns: Sequence[str], path: str, samples: Mapping[str, ColumnSample]) -> None:
    for name in columns:
        if (why := samples[name].why_not_numeric(0.0)) and why != EMPTY:
            raise ConnectorError(f"{path}: column {name!r} is {why}, an input must be numbers")


def _count_finite(numbers: Iterable[float | None]) -> int:
    return sum(number is not None and math.isfinite(number) for number in numbers)


def _is_share(good: int, bad: int, min_share: float) -> bool:
    """Return whether there are good values, and they are at least this share of all that are not missing."""
    return good > 0 and good >= min_share * (good + bad)


def _list_reasons(ignored: Mapping[str, str]) -> str:
    listed = [f"{name!r} is {why}" for name, why in list(ignored.items())[:MAX_REASONS_LISTED]]
    return f"; {', '.join(listed)}" if listed else ""
