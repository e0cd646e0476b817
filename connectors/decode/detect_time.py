"""Detect which column has the time, and in which notation, from the first records of a source.

What is certain is recognised; where two readings are possible, the error names the option that decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.time_text import DAY, describe, read_clocks
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.time_formats import EPOCH_UNITS, UNITS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.schema import ColumnRoles, Schema

TIME_NAMES = re.compile("time|timestamp|date|datetime|ts|ds|epoch|unixts|unixtime|unixtimestamp|datum|zeit")
"""Names, without case and punctuation, under which any numbers are times, such as the seconds of a simulation."""
TIME_WORDS = re.compile(
    "times?|timestamp|dates?|datetime|ts|ds|epoch|unix|utc|datum|zeit|zeitstempel|zeitpunkt|uhrzeit|fecha|hora|heure"
    "|horodatage|tijd|tijdstip|tid|tidpunkt|dato|created|updated|recorded|measured|month|monat|mois|mes|year|jahr|period"
    "|day|tag"
)
"""Words in the names of columns that are times if their values look like it."""
CLOCK_NAMES = re.compile("time|zeit|uhrzeit|hora|heure|tijd|tid|timeutc|utctime|timeofday|localtime|clock")
"""Names, without case and punctuation, of columns with the time of day that belongs to a date."""
CALENDAR_NAMES = frozenset({"date", "ds", "datum", "year", "jahr", "month", "monat", "yearmonth", "period"})
"""Names under which numbers of four or six digits are years and months."""
WELL_KNOWN_NAMES = frozenset({"time", "timestamp", "date", "datetime", "ts", "ds"})
MIN_SHARE = 0.5
"""A column is a time if at least this share of its values are."""
MIN_EVIDENCE = 0.01
"""Share of the dates that must rule out the other order of day and month: one garbled record must not decide."""
MIN_ASCENDING = 0.9
"""Share of the steps of a clock that do not go back, also where several streams are interleaved."""
RECENT = (946_684_800.0, 4_102_444_800.0)
"""The years 2000 to 2100, in which numbers are times under any name, if they ascend."""
EXCEL_DAYS = (25_569.0, 73_051.0)
"""Days that Excel counts from 1970 to 2100."""
MAX_EXAMPLE_CHARACTERS = 30
ORDERS = ("day-first", "month-first", "year-first")


class TimeSample(Protocol):
    """The first values of a column that may be the time."""

    def times(self, time_format: str) -> NDArray[np.float64]:
        """Return the values as seconds since 1970-01-01 (N,), NaN for those that are not times."""

    def is_time(self, time_format: str) -> bool:
        """Return whether most values are times."""

    def numbers(self) -> NDArray[np.float64]:
        """Return the values as numbers (N,), NaN for those that are not; no values for a type that has no numbers."""

    def time_texts(self) -> Sequence[str]:
        """Return the values as text (N,), empty if missing, also of a date or a time of day."""


class TimeColumn(NamedTuple):
    """Which column is the time, and how it is read."""

    name: str | None = None
    time_format: str = "auto"
    parts: tuple[str, ...] = ()
    """the columns of date and time of day, if it is in two columns"""
    note: str = ""
    """what was recognised"""


def detect_time(schema: Schema, path: str, samples: Mapping[str, TimeSample]) -> TimeColumn:
    """Return which column is the time: the one that the schema names, or the only one that can be.

    Parameters
    ----------
    schema
        What the user named.
    path
        Source, for error messages.
    samples
        The first values of every column.

    Raises
    ------
    ConnectorError
        If several columns may be the time, or its values may be read in several ways.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.detect import TextSample
    >>> from stream_rnn.connectors.decode.schema import Schema
    >>> samples = {"Datum": TextSample(["06.01.2025 00:00", "06.01.2025 00:30"]), "x": TextSample(["1", "2"])}
    >>> detect_time(Schema(), "a.csv", samples)
    TimeColumn(name='Datum', time_format='auto', parts=(), note="time 'Datum' as %d.%m.%Y %H:%M")
    """
    if schema.time == "":
        return TimeColumn()
    parts = schema.time_parts(samples) or _find(schema, path, samples)
    if not parts:
        return TimeColumn(note=_unread_note(schema, samples))
    name = "+".join(parts)
    texts = samples[name].time_texts() if len(parts) == 1 else _joined(samples, parts)
    time_format = schema.time_format
    if time_format == "auto":
        found = _format_of(schema, path, name, samples[name]) if len(parts) == 1 else _text_format(path, name, texts)
        time_format = found or "auto"
    is_text = len(parts) > 1 or bool(len(samples[name].numbers()))
    note = _note(schema, name, time_format, texts if is_text else ())
    return TimeColumn(name, time_format, parts if len(parts) > 1 else (), note)


def why_a_clock(sample: TimeSample) -> str:
    """Return why a column of numbers is a time by its values, and so no input; empty if it is not.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.detect import TextSample
    >>> why_a_clock(TextSample(["1736121600000", "1736121660000", "1736121720000"]))
    'a time by its values (ms since 1970)'
    """
    numbers = sample.numbers()
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 3 or numbers[0] == numbers[-1] or (np.diff(numbers) >= 0).mean() < MIN_ASCENDING:
        return ""
    time_format = _digits_format(numbers, "") or values.unit_of(float(np.median(numbers)))
    times = (
        values.number_times(numbers, time_format).seconds
        if "%" in time_format
        else values.in_seconds(numbers, time_format)
    )
    if not ((times >= RECENT[0]) & (times < RECENT[1])).all():
        return ""
    return f"a time by its values ({_shown(time_format)})"


def check_unit(path: str, roles: ColumnRoles, samples: Mapping[str, TimeSample]) -> None:
    """Check that the times of another file are read as those of the first one are.

    Raises
    ------
    ConnectorError
        If its numbers have the magnitude of another unit.
    """
    if roles.time is None or roles.time not in samples or roles.time_format not in EPOCH_UNITS:
        return
    numbers = samples[roles.time].numbers()
    numbers = numbers[np.isfinite(numbers)]
    unit = values.unit_of(float(np.median(numbers))) if len(numbers) else roles.time_format
    if unit != roles.time_format:
        raise ConnectorError(
            f"{path}: column {roles.time!r} seems to have times in {unit}, those of the first file are in "
            f"{roles.time_format}: read these files one by one"
        )


def sample_times(samples: Mapping[str, TimeSample], time: TimeColumn) -> NDArray[np.float64]:
    """Return the times of the first records (N,), NaN if they are none; those of a local clock as it shows them."""
    if time.parts:
        return values.parse_times(_joined(samples, time.parts), time.time_format).seconds
    return samples[str(time.name)].times(time.time_format)


def _find(schema: Schema, path: str, samples: Mapping[str, TimeSample]) -> tuple[str, ...]:
    """Return the column that is the time, or those of date and time of day; none if no column can be."""
    names = [name for name in samples if name not in (schema.key, schema.end, schema.tag, *schema.columns)]
    by_name = [name for name in names if _is_time_by_name(schema, path, name, samples[name])]
    found: Sequence[str] = by_name or [name for name in names if _is_time_by_value(schema, samples[name])]
    found = _without_redundant(schema, path, found, samples)
    clocks = [name for name in names if CLOCK_NAMES.fullmatch(_plain(name)) and _is_clock(samples[name])]
    if len(found) == 1 and clocks and _is_day(schema, path, found[0], samples[found[0]]):
        if len(clocks) > 1:
            raise _several(path, clocks, f"two columns with date and time of day, such as {found[0]}+{clocks[0]}")
        return (found[0], clocks[0])
    if len(found) > 1:
        raise _several(path, found, "the one to use")
    return tuple(found)


def _several(path: str, names: Sequence[str], use: str) -> ConnectorError:
    listed = ", ".join(map(repr, names))
    return ConnectorError(f"{path}: columns {listed} look like the time: set time (--time) to {use}")


def _is_time_by_name(schema: Schema, path: str, name: str, sample: TimeSample) -> bool:
    plain = _plain(name)
    if plain and not TIME_NAMES.fullmatch(plain) and not any(map(TIME_WORDS.fullmatch, _words(name))):
        return False
    if _has_numbers(sample):
        is_time = (
            bool(TIME_NAMES.fullmatch(plain))
            or bool(why_a_clock(sample))
            or bool(_digits_format(sample.numbers(), name))
        )
        return is_time and _format_of(schema, path, name, sample) is not None
    return _may_be_time(schema, sample)


def _is_time_by_value(schema: Schema, sample: TimeSample) -> bool:
    return not _has_numbers(sample) and _may_be_time(schema, sample)


def _may_be_time(schema: Schema, sample: TimeSample) -> bool:
    formats = ("auto", *ORDERS) if schema.time_format == "auto" else (schema.time_format,)
    return any(map(sample.is_time, formats))


def _without_redundant(
    schema: Schema, path: str, names: Sequence[str], samples: Mapping[str, TimeSample]
) -> Sequence[str]:
    """Return the columns without those that do not change, and those that only repeat another one or its day."""
    if len(names) < 2:
        return names
    times = {name: samples[name].times(_format_of(schema, path, name, samples[name]) or "auto") for name in names}
    changing = [name for name in names if len(np.unique(times[name])) > 1] or list(names)
    kept: list[str] = []
    for name in changing:
        if any(_repeats(times[name], times[other]) for other in kept):
            continue
        kept = [other for other in kept if not _repeats(times[other], times[name])]
        kept.append(name)
    return kept


def _repeats(times: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether times (N,) are those of another column, or their days."""
    days = np.floor(other / DAY) * DAY
    return bool(np.array_equal(times, other, equal_nan=True) or np.array_equal(times, days, equal_nan=True))


def _is_clock(sample: TimeSample) -> bool:
    clocks = read_clocks([text.strip() for text in sample.time_texts()])
    return bool(len(clocks)) and float(np.isfinite(clocks).mean()) >= MIN_SHARE


def _is_day(schema: Schema, path: str, name: str, sample: TimeSample) -> bool:
    """Return whether a column has dates without a time of day."""
    times = sample.times(_format_of(schema, path, name, sample) or "auto")
    times = times[np.isfinite(times)]
    return bool(len(times)) and bool((times % DAY == 0).all())


def _format_of(schema: Schema, path: str, name: str, sample: TimeSample) -> str | None:
    """Return how the values of a column are read as times; None if they are not times."""
    if schema.time_format != "auto":
        return schema.time_format if sample.is_time(schema.time_format) else None
    texts = sample.time_texts()
    if _has_numbers(sample) and not _count(texts, "iso"):
        numbers = sample.numbers()
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return None
        if _plain(name) in CALENDAR_NAMES and EXCEL_DAYS[0] <= numbers.min() and numbers.max() < EXCEL_DAYS[1]:
            raise ConnectorError(
                f"{path}: column {name!r} may be Excel's days or seconds ({numbers[0]:g}): set time_format "
                "(--time-format) to excel or s"
            )
        return _digits_format(numbers, name) or values.unit_of(float(np.median(numbers)))
    return "auto" if sample.is_time("auto") else _text_format(path, name, texts)


def _text_format(path: str, name: str, texts: Sequence[str]) -> str | None:
    """Return how texts are read as times, by the only order of day and month that is possible; None if not at all."""
    count = sum(bool(text.strip()) for text in texts)
    if _count(texts, "auto") >= MIN_SHARE * max(count, 1):
        return "auto"
    read = {order: np.isfinite(values.parse_times(texts, order).seconds) for order in ORDERS}
    any_order = np.logical_or.reduce(list(read.values()))
    if any_order.sum() < MIN_SHARE * max(count, 1):
        return None
    for order, is_read in read.items():
        others = [read[other] for other in ORDERS if other != order]
        if is_read.sum() == any_order.sum() and all((~other & is_read).mean() >= MIN_EVIDENCE for other in others):
            return order
    possible = [order for order, is_read in read.items() if is_read.sum() >= MIN_SHARE * any_order.sum()]
    example = texts[int(np.flatnonzero(any_order)[0])].strip()[:MAX_EXAMPLE_CHARACTERS]
    raise ConnectorError(
        f"{path}: column {name!r} may be {' or '.join(possible) or 'of any order'} ({example!r}): set time_format "
        f"(--time-format) to one of them, or to a format such as {describe(example, (possible or ['day-first'])[0])}"
    )


def _digits_format(numbers: NDArray[np.float64], name: str) -> str | None:
    """Return the format of numbers whose digits are dates, such as 20250106, None if they are not."""
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers) or not (numbers == np.rint(numbers)).all():
        return None
    least, most = numbers.min(), numbers.max()
    formats = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    if _plain(name) in CALENDAR_NAMES:
        formats |= {4: "%Y", 6: "%Y%m"}
    for digits, time_format in formats.items():
        if 1900 * 10 ** (digits - 4) <= least and most < 2100 * 10 ** (digits - 4):
            is_date = np.isfinite(values.number_times(numbers, time_format).seconds).all()
            return time_format if is_date else None
    return None


def _has_numbers(sample: TimeSample) -> bool:
    """Return whether most values are numbers."""
    numbers = sample.numbers()
    present = sum(bool(text.strip()) for text in sample.time_texts()) or len(numbers)
    return bool(len(numbers)) and bool((~np.isnan(numbers)).sum() >= MIN_SHARE * present)


def _joined(samples: Mapping[str, TimeSample], parts: Collection[str]) -> list[str]:
    texts = [samples[part].time_texts() for part in parts]
    return [" ".join(row).strip() for row in zip(*texts, strict=True)]


def _count(texts: Sequence[str], time_format: str) -> int:
    return int(np.isfinite(values.parse_times(texts, time_format).seconds).sum())


def _note(schema: Schema, name: str, time_format: str, texts: Sequence[str]) -> str:
    """Return what was recognised; nothing about a well-known name whose times are ISO 8601, seconds or milliseconds."""
    shown = _shown(time_format)
    if time_format not in UNITS and "%" not in time_format:
        times = values.parse_times(texts, time_format).seconds if len(texts) else np.zeros(0)
        text = next((texts[row].strip() for row in np.flatnonzero(np.isfinite(times)).tolist()), "")
        shown = describe(text, time_format) if text and "%" in describe(text, time_format) else ""
    is_plain = shown.startswith("%Y-%m-%d") or not shown or time_format in ("s", "ms")
    is_named = schema.time is not None or _plain(name) in WELL_KNOWN_NAMES
    is_set = schema.time_format != "auto" or (is_plain and is_named)
    if is_set and schema.timezone is None:
        return ""
    zone = f", time zone {schema.timezone}" if schema.timezone is not None else ""
    return f"time {name!r}{f' as {shown}' if shown else ''}{zone}"


def _unread_note(schema: Schema, samples: Mapping[str, TimeSample]) -> str:
    """Return that a column with the name of a time has no known format, so that there are no times."""
    for name, sample in samples.items():
        text = next((text.strip() for text in sample.time_texts() if text.strip()), "")
        named = (schema.key, schema.end, schema.tag, *schema.columns)
        if TIME_NAMES.fullmatch(_plain(name)) and name not in named and text:
            return f"no time: {name!r} ({text[:MAX_EXAMPLE_CHARACTERS]!r}) is in no known format, see time_format"
    return ""


def _shown(time_format: str) -> str:
    return f"{time_format} since 1970" if time_format in UNITS and time_format != "excel" else time_format


def _plain(name: str) -> str:
    """Return a name without case and punctuation; empty for the index of a data frame without a name."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return "" if re.fullmatch(r"indexlevel\d+|unnamed0|index", plain) else plain


def _words(name: str) -> set[str]:
    """Return the words of a name: `createdAt` and `created_at` have two."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
