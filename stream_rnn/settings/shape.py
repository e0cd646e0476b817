"""The settings that say what an event is, and which columns a pivot has."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stream_rnn.errors import SettingError

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
        description="Seconds, or a duration such as 500ms: readings at most this far apart form one event, and "
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
