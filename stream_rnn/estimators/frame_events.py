"""The events of a data frame: its features by column, and the stream, time and end of each row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.conversions import seconds
from stream_rnn.errors import DataError
from stream_rnn.estimators.arguments import check_key, parse_end, single_time

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from stream_rnn.estimators.features import Column
    from stream_rnn.estimators.frames import Frame

DEFAULT_KEY = "stream"
"""Key of the stream of events that come without a key."""


class Fields(NamedTuple):
    """Features that hold an event's stream, its time, and whether its sequence ends with it; None if it is passed."""

    key: Hashable | None
    time: Hashable | None
    end: Hashable | None


class FrameEvents(NamedTuple):
    """The N events of a data frame."""

    table: dict[Hashable, Column]
    """the features"""
    keys: list[Any]
    """(N,)"""
    times: NDArray[np.float64]
    """(N,)"""
    ends: NDArray[np.bool_]
    """(N,)"""


def events_of(frame: Frame, fields: Fields, key: Any, time: Any, end: Any) -> FrameEvents:
    """Return the events of a frame; keys, times and ends that are not passed are read from its columns.

    Raises
    ------
    DataError
        If a column that a field names is missing, or a value cannot be used.
    """
    count = len(frame)
    keys, times, ends = (
        frame.column(field) if values is None else values
        for values, field in ((key, fields.key), (time, fields.time), (end, fields.end))
    )
    if keys is None and fields.key is not None:
        raise DataError(f"X must have the column {fields.key!r}, which key_field names")
    if times is None and fields.time is None and (time_columns := frame.time_columns):
        times = time_columns[single_time(list(time_columns))]
    if keys is None or isinstance(keys, (str, int)):
        keys = [DEFAULT_KEY if keys is None else keys] * count
    else:
        keys = [check_key(value) for value in frame.row_values(keys, "key")]
    return FrameEvents(
        table=frame.features(exclude=frozenset(field for field in fields if field is not None)),
        keys=keys,
        times=_parse_times(frame, times),
        ends=_parse_ends(frame, ends),
    )


def open_frame(X: Any, *, alone: bool = False) -> Frame:
    """Return a data frame's events; or a frame without columns, with a row for each value of what is alone."""
    from stream_rnn.estimators.frames import Frame  # noqa: PLC0415 - needs narwhals, which is an extra

    return Frame.of_rows(X) if alone else Frame(X)


def _parse_times(frame: Frame, times: Any) -> NDArray[np.float64]:
    """Return the time of each row (N,), NaN where it is unknown."""
    if times is None:
        return np.full(len(frame), math.nan)
    return np.array([math.nan if time is None else seconds(time) for time in frame.row_values(times, "time")])


def _parse_ends(frame: Frame, ends: Any) -> NDArray[np.bool_]:
    """Return whether a sequence ends with each row (N,)."""
    if ends is None:
        return np.zeros(len(frame), np.bool_)
    return np.array([parse_end(end) for end in frame.row_values(ends, "end")], np.bool_)
