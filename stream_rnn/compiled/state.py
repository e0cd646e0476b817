"""The state of streams: one table of all arrays that have a row per stream.

Everything that must agree about these arrays is made from `STREAM_ARRAYS`: their memory, the compiled core's fields,
how a new stream's row is reset, what is prefetched, and what a checkpoint holds.
"""

from __future__ import annotations

from collections import namedtuple
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from stream_rnn.learning.scaling import MOMENT_ROWS
from stream_rnn.learning.targets import SLOPE_ROWS

NETWORK = None
"""Placeholder for the network's dtype, float32 or float64."""


class Dimensions(NamedTuple):
    """Lengths of the axes of the arrays."""

    S: int
    """hidden state"""
    T: int
    """tape of one event"""
    F: int
    """features of the readout"""
    N: int
    """numbers of a forecast"""
    E: int
    """errors of one event"""
    R: int
    """newest events whose tape is kept for learning; 0 with a compact tape"""
    P: int
    """as R, of a compact tape; 0 without"""
    T16: int
    """elements of the tape that are stored in 16 bits"""
    T8: int
    """elements of the tape that are stored in 8 bits"""
    A: int
    """newest events whose targets may still arrive or whose errors wait for an update"""
    D: int
    """targets"""
    I: int
    """input values"""
    X: int
    """what the network sees of an event"""
    K: int
    """newest events whose input values are kept"""
    M: int
    """columns with running moments"""
    C: int
    """forecast columns, max(H, 1) D"""
    L: int
    """events that wait for their lookahead, and the newest; 0 without lookahead"""
    fading: int
    """R or P where the state fades between events, else 0"""
    residuals: int
    """D in residual forecasts, else 0"""
    reverting: int
    """D with reversion, else 0"""
    reverting_columns: int
    """C with reversion, else 0"""
    intervals: int
    """C with intervals, else 0"""
    calibration: int
    """state of one interval"""
    hourly: int
    """state of the scale by hour of one interval"""
    surprise: int
    """state of the anomaly score; 0 without it"""
    watched: int
    """states of the targets; 0 without anomaly scores"""
    failure: int
    """state of the comparison with persistence; 0 for labels"""
    compared: int
    """D where forecasts are compared with persistence, 0 for labels"""


class Clock(IntEnum):
    """What a stream's row of `clock` counts."""

    LENGTH = 0
    """events of the current sequence that the network has processed"""
    WAITING = 1
    """of these, since the last update"""
    ERRORS = 2
    """of these, at which errors arrived"""
    EVENTS = 3
    """events of the stream"""
    PENDING = 4
    """of these, the newest that wait for their lookahead"""
    TURN = 5
    """number of the stream's last event among the events of all streams; unused if each has its own readout"""
    BETWEEN = 6
    """events of all streams from the one before that (exclusive) to it (inclusive); as `TURN`"""


SEQUENCE = int(Clock.EVENTS)
"""Number of counters, from the first on, that are reset with each sequence."""


class StreamArray(NamedTuple):
    """An array with a row per stream."""

    shape: tuple[str | int, ...]
    """Axes of one row: names of `Dimensions`, or lengths."""
    dtype: Any
    meaning: str
    blank: float = 0.0
    """Value of elements of which nothing is known yet."""
    reset: bool = False
    """Whether the row of a new stream is filled with the blank value; others are written before they are read."""
    prefetch: bool = False
    """Whether the row is prefetched while the event of another stream is processed."""


F8, I8, NAN = np.float64, np.int64, float("nan")

STREAM_ARRAYS: dict[str, StreamArray] = {
    "state": StreamArray(("S",), NETWORK, "hidden state", reset=True, prefetch=True),
    "tape": StreamArray(("R", "T"), NETWORK, "what the gradient needs of the newest events"),
    "tape16": StreamArray(("P", "T16"), np.uint16, "as `learning.compact`", prefetch=True),
    "tape8": StreamArray(("P", "T8"), np.uint8, "as `learning.compact`", prefetch=True),
    "features": StreamArray(("A", "F"), NETWORK, "the readout's inputs at these events"),
    "forecast": StreamArray(("N",), F8, "newest forecast, in the targets' units", prefetch=True),
    "errors": StreamArray(
        ("A", "E"), NETWORK, "dL/do that has arrived and was not learned from", reset=True, prefetch=True
    ),
    "base": StreamArray(("A", "D"), F8, "last_y at each event", blank=NAN, prefetch=True),
    "last_y": StreamArray(
        ("D",),
        F8,
        "value of each target that residual forecasts start from, NaN before",
        blank=NAN,
        reset=True,
        prefetch=True,
    ),
    "history": StreamArray(
        ("K", "I"), F8, "newest input values, as `learning.inputs.PastInputs`", blank=NAN, reset=True, prefetch=True
    ),
    "faded": StreamArray(("fading",), NETWORK, "factor by which the state faded before each event"),
    "ahead_x": StreamArray(
        ("L", "X"), NETWORK, "scaled inputs of the newest events, in row (event number mod L)", prefetch=True
    ),
    "miss": StreamArray((), F8, "distance of the newest event's targets from their forecasts; NaN if none was known"),
    "ahead_y": StreamArray(("L", "D"), F8, "labels of the newest events, as `ahead_x`", prefetch=True),
    "input_moments": StreamArray((MOMENT_ROWS, "M"), F8, "as `learning.inputs.PastInputs`", reset=True, prefetch=True),
    "target_moments": StreamArray(
        (MOMENT_ROWS, "C"), F8, "as `learning.targets.TargetScales`", reset=True, prefetch=True
    ),
    "newest_y": StreamArray((2, "residuals"), F8, "as `learning.jumps.start_value`", blank=NAN, reset=True),
    "jumps": StreamArray((2, "residuals"), F8, "as `learning.jumps.start_value`", reset=True),
    "levels": StreamArray((MOMENT_ROWS, "reverting"), F8, "as `learning.targets.TargetScales`", reset=True),
    "slopes": StreamArray((SLOPE_ROWS, "reverting_columns"), F8, "as `learning.targets.TargetScales`", reset=True),
    "time": StreamArray((), F8, "latest time of an event, in seconds; NaN before", blank=NAN, reset=True),
    "gap": StreamArray((), F8, "seconds between the latest time and the one before; NaN before", blank=NAN, reset=True),
    "clock": StreamArray((len(Clock),), I8, "counters, as `Clock`", reset=True, prefetch=True),
    "interval": StreamArray(
        ("intervals", 2), F8, "low and high of each number of the newest forecast", blank=NAN, reset=True
    ),
    "promised": StreamArray(
        ("A", "intervals", 3), F8, "forecast, low and high of each number as they were issued at the newest events"
    ),
    "hourly": StreamArray(("intervals", "hourly"), F8, "as `learning.hourly_scale`", reset=True),
    "hour": StreamArray(("A",), F8, "hour of the day at which the newest forecasts were made, -1 if unknown"),
    "calibration": StreamArray(("intervals", "calibration"), F8, "as `learning.conformal`", reset=True),
    "surprise": StreamArray(("surprise",), F8, "as `learning.anomaly`", reset=True),
    "watched": StreamArray(("watched",), F8, "as `learning.target_states`", reset=True),
    "failure": StreamArray(("failure",), F8, "as `learning.failure`", reset=True, prefetch=True),
    "known_y": StreamArray(
        ("compared",), F8, "last known value of each target, NaN before", blank=NAN, reset=True, prefetch=True
    ),
    "score": StreamArray(
        (), F8, "anomaly score of the newest event; NaN where there was no forecast of it", blank=NAN, reset=True
    ),
}

StreamArrays: Any = namedtuple("StreamArrays", list(STREAM_ARRAYS))  # type: ignore[misc]  # noqa: PYI024 - its fields are the table's
"""The arrays by name, each (slots, *row)."""

Rows = dict[str, tuple[tuple[int, ...], Any]]
"""Shape and dtype of one row of each array."""


def rows_of(dimensions: Dimensions, dtype: Any) -> Rows:
    """Return shape and dtype of each array's row, for a network of this dtype."""
    lengths = dimensions._asdict()
    return {
        name: (
            tuple(lengths[axis] if isinstance(axis, str) else axis for axis in array.shape),
            dtype if array.dtype is NETWORK else array.dtype,
        )
        for name, array in STREAM_ARRAYS.items()
    }
