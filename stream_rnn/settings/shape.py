"""The settings that say what an event is: those of a replay and of a live job, and how they go together."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.durations import seconds

MIN_EVERY = 1e-3

WideFlag = Annotated[
    bool,
    Meta(
        description="Make each input a stream of its own, whose events have the one input value: its key is the "
        "input's name, or KEY/NAME with a key. Weights are shared."
    ),
]
PivotColumns = Annotated[
    str | None,
    Meta(
        description="TAG=VALUE, two columns: each record is one reading, and the readings of one time form an event "
        "with an input for each tag. Tags are those of the first 1,000 records of a file, or inputs; others are "
        "refused. Of two values for a tag at one time the last is used."
    ),
]
PivotTolerance = Annotated[
    str | float,
    Meta(
        description="Seconds, or a duration such as 500ms: readings that are apart by this much form one event, and "
        "wait this long for late ones."
    ),
]
Every = Annotated[
    str | float | None,
    Meta(
        description="Resample each stream to a grid of this duration, such as 1min, 30s or 6h: the events of a cell "
        "become one, with the time at which it starts. With it, horizon may be a duration."
    ),
]
Aggregate = Annotated[
    Literal["last", "mean"], Meta(description="What each input of a resampled event is: the last or the mean value.")
]
MaxGap = Annotated[
    Annotated[int, Meta(ge=0, le=1_000_000)],
    Meta(
        description="Cells without events, in a row, that become events with missing values. A longer gap becomes "
        "none, and ends the sequence."
    ),
]


class ShapeSettings(Protocol):
    """The settings that say what an event is, in a replay and in a live job."""

    @property
    def wide(self) -> bool:
        """Whether each input is a stream."""

    @property
    def pivot(self) -> str | None:
        """Columns of the tag and the value."""

    @property
    def pivot_tolerance(self) -> str | float:
        """How far readings of one event may be apart."""

    @property
    def every(self) -> str | float | None:
        """Duration of a cell of the grid."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Columns of states."""

    @property
    def duplicates(self) -> Literal["keep", "drop"]:
        """What happens to duplicates."""

    @property
    def tokens(self) -> Literal["id", "word", "character"]:
        """What the input of an embedding is."""


def check_shape(settings: ShapeSettings) -> None:
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


def _check_tokens(settings: ShapeSettings) -> None:
    """Check that nothing joins or drops the tokens of a text, which are events of one time."""
    if settings.tokens == "id":
        return
    for name in ("wide", "pivot", "every"):
        if getattr(settings, name):
            raise SettingError(f"tokens must be id with {name}, which is for numbers, got {settings.tokens!r}")
    if settings.duplicates == "drop":
        raise SettingError(f"duplicates must be keep with tokens {settings.tokens}, got 'drop'")


def pivot_columns(pivot: str) -> tuple[str, str]:
    """Return the columns with the tag and the value of a reading.

    Raises
    ------
    SettingError
        If these are not two columns.

    Examples
    --------
    >>> pivot_columns("tag=value")
    ('tag', 'value')
    """
    tag, _, value = (part.strip() for part in pivot.partition("="))
    if not tag or not value or tag == value:
        raise SettingError(f"pivot must be TAG=VALUE, two columns, got {pivot!r}")
    return tag, value
