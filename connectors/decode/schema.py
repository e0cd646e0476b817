"""Which column of a source is what: as the user wrote it, and as it was resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from stream_rnn.connectors.decode.json_paths import check_path
from stream_rnn.connectors.decode.missing import MissingValues
from stream_rnn.connectors.errors import ConnectorError, UsageError, suggest
from stream_rnn.errors import SettingError
from stream_rnn.time_formats import check_time_format, check_timezone

if TYPE_CHECKING:
    from collections.abc import Collection

BAD_VALUES = ("missing", "refuse")
NO_MISSING_VALUES = MissingValues()


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column of a source is what, as the user wrote it.

    Parameters
    ----------
    key
        Column that names the stream of each event. Default: all events belong to the single stream ``""``.
    time
        Column with the time; ``"Date+Time"`` are two columns with date and time of day. Default: the column that is
        called time, timestamp, date or the like, or else the only one whose values are times; ``""`` reads no time.
    end
        Column that is true at the last event of a sequence.
    columns
        The inputs, in this order. Default: every numeric column, in the order of the file.
    time_format
        ``iso`` for ISO 8601; ``s``, ``ms``, ``us`` or ``ns`` for time since 1970; ``excel`` for Excel's days;
        ``day-first``, ``month-first`` or ``year-first`` for dates with slashes or dashes; a format for strptime, such
        as ``%d.%m.%Y %H:%M``; ``auto`` detects it, and is an error where the first records leave it open.
    tag
        Column with the tag of each record, which is one reading; its number is the first input, then `columns`.
    tags
        The tags, by number. Default: those of the first records, in order of appearance.
    words
        Those columns whose values are read as words: class labels and states. A number is a word, too.
    texts
        Columns of `words` whose values are kept verbatim, spaces and spelling included: text.
    missing_values
        Values that stand for a missing one, by column; those of ``""`` in every column. Key, time, end and tag have
        none.
    bad_values
        What happens to a value of an input that is not a number, such as ``unavailable``, an object or a list:
        ``missing`` treats it as missing, ``refuse`` makes its record a dead letter. An infinite number is always
        refused; true and false are 1 and 0.
    unwrap
        JSON: path to the object with the event, such as ``payload``. Default: the record, or what a known envelope has.
    records
        JSON: path, from there, to an array of events. They inherit the fields of the objects around them.
    timezone
        Time zone of times without an offset, such as ``Europe/Berlin``. Default: UTC.

    Raises
    ------
    UsageError
        If a column has two roles, or the time format or `bad_values` is none of the above.

    Examples
    --------
    >>> Schema(key="sensor", columns=("load", "temperature")).time_format
    'auto'
    """

    key: str | None = None
    time: str | None = None
    end: str | None = None
    columns: tuple[str, ...] = ()
    time_format: str = "auto"
    bad_values: Literal["missing", "refuse"] = "missing"
    tag: str | None = None
    tags: tuple[str, ...] = ()
    unwrap: str = ""
    records: str = ""
    words: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    missing_values: dict[str, tuple[str | float, ...]] = {}
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.bad_values not in BAD_VALUES:
            raise UsageError(f"bad_values must be one of {', '.join(BAD_VALUES)}, got {self.bad_values!r}")
        try:
            check_time_format(self.time_format)
            check_timezone(self.timezone)
        except SettingError as error:
            raise UsageError(str(error)) from None
        for option, path in (("unwrap", self.unwrap), ("records", self.records)):
            check_path(path, option)
        roles: dict[str, str] = {}
        named = [("key", self.key), ("time", self.time), ("end", self.end), ("tag", self.tag)]
        inputs = (*self.columns, *(name for name in self.words if name not in self.columns))
        for role, name in [*named, *(("input", name) for name in inputs)]:
            if not name:
                continue
            if roles.get(name) == role:
                raise UsageError(f"column {name!r} is listed twice")
            if name in roles:
                raise UsageError(f"column {name!r} cannot be both {roles[name]} and {role}")
            roles[name] = role

    def named(self, names: Collection[str]) -> tuple[str, ...]:
        """Return all columns that are named, of a source with these columns."""
        parts = self.time_parts(names)
        named = (self.key, *parts, self.end, self.tag, *self.columns, *self.words, *self.missing_values)
        return tuple(name for name in named if name)

    def check_columns(self, path: str, names: Collection[str]) -> None:
        """Check that a source has all columns that are named.

        Raises
        ------
        ConnectorError
            With the source, the column and the most similar one.
        """
        for name in self.named(names):
            if name not in names:
                raise ConnectorError(f"{path}: no column {name!r}{suggest(name, names)}")

    def time_parts(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the columns with the time that are named: one, or those of date and time of day.

        Examples
        --------
        >>> Schema(time="Date+Time").time_parts(["Date", "Time", "x"])
        ('Date', 'Time')
        """
        if not self.time:
            return ()
        parts = tuple(part.strip() for part in self.time.split("+"))
        is_joined = len(parts) > 1 and self.time not in names and any(part in names for part in parts)
        return parts if is_joined else (self.time,)


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which column of a source is what, resolved with its first records.

    Parameters
    ----------
    key, time, end
        Column with that role, or None.
    columns
        Inputs: numbers, and words.
    time_format, bad_values, words, texts, unwrap, records
        As in `Schema`.
    numeric_time
        Whether the first times are numbers. This only chooses which way of reading is tried first.
    ignored
        Why a column is not read, by column.
    key_hint
        Which column may be the key, and why, if none was named; empty if no column looks like it.
    first_words
        The distinct words in the first records of each of `words`, in order of appearance.
    missing
        Values that stand for a missing one, by column.
    warnings
        What is likely wrong with values of the columns.
    recognised
        What was recognised about the columns without being named, such as ``time 'Datum' as %d.%m.%Y``, to be reported.
    tag
        Column with the tag of each reading, or None if records are not readings.
    tags
        The tags, by number.
    time_parts
        Columns of date and time of day, if the time is in two columns.
    timezone
        Time zone of times without an offset; None is UTC.

    Examples
    --------
    >>> ColumnRoles(key="sensor", time=None, end=None, columns=("load",)).read
    ('sensor', 'load')
    """

    key: str | None
    time: str | None
    end: str | None
    columns: tuple[str, ...]
    time_format: str = "auto"
    numeric_time: bool = False
    ignored: dict[str, str] = field(default_factory=dict)
    bad_values: Literal["missing", "refuse"] = "missing"
    key_hint: str = ""
    words: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    first_words: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, MissingValues] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    recognised: tuple[str, ...] = ()
    tag: str | None = None
    tags: tuple[str, ...] = ()
    unwrap: str = ""
    records: str = ""
    time_parts: tuple[str, ...] = ()
    timezone: str | None = None

    def missing_in(self, column: str) -> MissingValues:
        """Return the values that stand for a missing one in a column."""
        return self.missing.get(column, NO_MISSING_VALUES)

    @property
    def read(self) -> tuple[str, ...]:
        """All columns that are read."""
        roles = (self.key, *(self.time_parts or (self.time,)), self.end)
        return (*(name for name in roles if name is not None), *self.inputs)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of events: the number of the tag, if records are readings, and the inputs."""
        return self.columns if self.tag is None else (self.tag, *self.columns)
