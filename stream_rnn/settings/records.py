"""The settings of how records are read, shared by all jobs that read records."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import Checked, NonNegative, Positive, TimeZone, check_values, join_names
from stream_rnn.settings.durations import seconds
from stream_rnn.settings.shape import Aggregate, Every, MaxGap, PivotColumns, PivotTolerance, WideFlag, pivot_columns
from stream_rnn.settings.values import (
    Categories,
    MaxCategories,
    MissingValues,
    TextTokens,
    check_categories,
    prepare_columns,
)
from stream_rnn.time_formats import check_time_format, check_timezone

UnwrapPath = Annotated[
    str | None,
    Meta(
        description="JSON: path to the object with the event, such as payload. Default: the record is the event, or a "
        "known envelope (Kafka Connect, Debezium, CloudEvents)."
    ),
]
RecordsPath = Annotated[
    str | None,
    Meta(
        description="JSON: path to an array of events, such as values, which inherit the fields around them. Default: "
        "a record that is an array of objects has several events."
    ),
]
TimeFormat = Annotated[
    str,
    Meta(
        description="Format of times: auto, iso (8601), s, ms, us or ns (since 1970), excel (days), day-first, "
        "month-first or year-first (of dates with slashes or dashes), or as for strptime, such as '%d.%m.%Y %H:%M'."
    ),
]
BadValues = Annotated[
    Literal["missing", "refuse"],
    Meta(
        description="missing: a value that is not a number, such as unavailable or an object, counts as missing, by "
        "column and word. refuse: its record cannot be used."
    ),
]
Lateness = Annotated[
    NonNegative | None,
    Meta(
        description="Hold events back for this many seconds of event time, and put them in order of time within their "
        "stream; events that arrive later than that are refused. Default: events are processed as they arrive."
    ),
]
Duplicates = Annotated[
    Literal["keep", "drop"],
    Meta(
        description="drop: discard records that were read before, and events with the stream and time of an event that "
        "is held back or was the last one processed."
    ),
]
MaxAhead = Annotated[
    Positive,
    Meta(
        description="Refuse an event whose time is more than this many seconds ahead of the newest one before it in "
        "its file or partition, unless it confirms the time refused just before it: time has moved on. Default: a "
        "century."
    ),
]
MIN_EVERY = 1e-3
CENTURY = 100 * 365.25 * 86_400.0
"""Seconds. A clock that starts in 1970 is set to the present; the year 9999 is not reached."""


class RecordSettings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How records are read: their times and values, their order, and what an event is.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    unwrap: UnwrapPath = None
    records: RecordsPath = None
    time_format: TimeFormat = "auto"
    timezone: TimeZone = None
    bad_values: BadValues = "missing"
    missing_values: MissingValues = ()
    categories: Categories = ()
    max_categories: MaxCategories = 8
    tokens: TextTokens = "id"
    lateness: Lateness = None
    duplicates: Duplicates = "keep"
    max_ahead: MaxAhead = CENTURY
    wide: WideFlag = False
    pivot: PivotColumns = None
    pivot_tolerance: PivotTolerance = 0.0
    every: Every = None
    aggregate: Aggregate = "last"
    max_gap: MaxGap = 1000

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        join_names(self, "time")
        prepare_columns(self)
        check_values(self)
        check_time_format(self.time_format)
        check_timezone(self.timezone)
        check_categories(self, ("key", "time", "end"))
        _check_shape(self)


def _check_shape(settings: RecordSettings) -> None:
    """Check that the settings that say what an event is are valid, and go together.

    Raises
    ------
    SettingError
        Naming the first setting that is wrong, its value and what is allowed.
    """
    if settings.pivot is not None:
        pivot_columns(settings.pivot)
        if settings.wide:
            raise SettingError("wide and pivot exclude each other: with key TAG, each tag is a stream of its own")
        if settings.duplicates == "drop":
            raise SettingError("duplicates must be keep with pivot, where the last of two values is used, got 'drop'")
    if settings.categories and (settings.wide or settings.pivot is not None):
        name = "wide" if settings.wide else "pivot"
        raise SettingError(
            f"categories must not be set with {name}, which is for numbers, got {settings.categories[0]!r}"
        )
    if seconds("pivot_tolerance", settings.pivot_tolerance) and settings.pivot is None:
        raise SettingError(f"pivot_tolerance needs pivot, got {settings.pivot_tolerance!r}")
    _check_tokens(settings)
    if settings.every is not None and seconds("every", settings.every) < MIN_EVERY:
        raise SettingError(f"every must be at least 1ms, such as 30s, 1min or 6h, got {settings.every!r}")


def _check_tokens(settings: RecordSettings) -> None:
    """Check that nothing joins or drops the tokens of a text, which are events of one time."""
    if settings.tokens == "id":
        return
    for name in ("wide", "pivot", "every"):
        if getattr(settings, name):
            raise SettingError(f"tokens must be id with {name}, which is for numbers, got {settings.tokens!r}")
    if settings.duplicates == "drop":
        raise SettingError(f"duplicates must be keep with tokens {settings.tokens}, got 'drop'")
