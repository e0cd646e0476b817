"""Encoding of an event for the network: its scaled values, and features derived from its time and from the past.

The columns, in this order, for I inputs:

    values         I; z-scores by the running mean and deviation of the stream; the mean if missing
    flags          I; 1 if the value is missing, else 0
    differences    I; change from the previous event's value by its running root mean square; 0 if either is missing
    lags           I for each lag l; the value l events ago, scaled as the values; the mean if missing
    elapsed        1; log(1 + seconds since the stream's previous event), as a z-score; 0 if unknown
    cycles         2 for each frequency w; sin and cos of w times the event's local time; 0 if unknown
    readout lags   I for each lag, as lags; the layers do not see them

Differences and lags do not cross the start of a sequence; elapsed does. Only the event itself and the past are used.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import MEAN, deviation, is_known, root_mean_square, update_moments, z_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIODS = {"day": 86_400.0, "week": 7 * 86_400.0, "year": 365.2425 * 86_400.0}
"""Lengths of the calendar cycles, in seconds."""


class InputEncoding(NamedTuple):
    """Which columns the network sees, and how they are scaled."""

    values: int
    """I, columns of x"""
    tokens: bool
    """whether the only value is a token id; its mean stays 0, so that a missing id becomes 0"""
    scaled: bool
    flags: bool
    differences: bool
    lags: Any
    """(n,) int64, events ago"""
    readout_lags: Any
    """(r,) int64, events ago"""
    elapsed: bool
    cycles: Any
    """(m,) float64, radians per second"""
    offset_starts: Any
    """(Z,) float64, times from which each offset of local time is valid; the first is -inf"""
    offsets: Any
    """(Z,) float64, seconds by which local time is ahead of UTC"""
    forgetting: float
    limit: float

    @property
    def groups(self) -> int:
        """Number of groups with I columns each: values, flags, differences, lags. They come first."""
        return 1 + self.flags + self.differences + len(self.lags)

    @property
    def newest_columns(self) -> int:
        """Number of columns of the newest values, the first ones: values, flags, differences."""
        return self.values * (self.groups - len(self.lags))

    @property
    def body_columns(self) -> int:
        """Number of columns that the layers see, the first ones."""
        return self.values * self.groups + self.elapsed + 2 * len(self.cycles)

    @property
    def readout_columns(self) -> int:
        """Number of columns that only the readout sees, the last ones."""
        return self.values * len(self.readout_lags)

    @property
    def columns(self) -> int:
        """X, number of columns."""
        return self.body_columns + self.readout_columns

    @property
    def moment_columns(self) -> int:
        """M, number of columns with running moments: values, differences, elapsed."""
        return self.values * (1 + self.differences) + self.elapsed

    @property
    def history_length(self) -> int:
        """K, number of the newest events whose values are kept."""
        return 1 + max([0, int(self.differences), *self.lags, *self.readout_lags])

    def column_indices(self, grown: InputEncoding) -> NDArray[np.int64]:
        """Return the index of each column in an encoding with more values, (X,)."""
        body = _grown_indices(self.values, grown.values, self.groups, self.body_columns)
        readout = _grown_indices(self.values, grown.values, len(self.readout_lags), self.readout_columns)
        return np.concatenate([body, grown.body_columns + readout])

    def moment_indices(self, grown: InputEncoding) -> NDArray[np.int64]:
        """Return the index of each column with running moments in an encoding with more values, (M,)."""
        return _grown_indices(self.values, grown.values, 1 + self.differences, self.moment_columns)


def _grown_indices(values: int, grown_values: int, groups: int, columns: int) -> NDArray[np.int64]:
    """Return the new indices of columns that start with groups of `values`, when these groups grow."""
    grouped = [group * grown_values + c for group in range(groups) for c in range(values)]
    rest = range(groups * grown_values, groups * grown_values + columns - len(grouped))
    return np.array([*grouped, *rest], np.int64)


class PastInputs(NamedTuple):
    """The past inputs of a stream."""

    moments: Any
    """(MOMENT_ROWS, M) float64, running moments"""
    history: Any
    """(K, I) float64, values of the newest events; event n of the sequence is in row n mod K"""


@inner
def record_event(encoding: InputEncoding, past: PastInputs, n: int, x: Any, gap: float) -> int:
    """Add the values x (I,) of event n (from 0) of a sequence to the past; return how many are missing.

    `gap` are the seconds since the stream's previous event, NaN if unknown.
    """
    moments, history = past
    missing, newest = 0, history[n % history.shape[0]]
    before = history[(n - 1) % history.shape[0]]
    for c in range(encoding.values):
        if not is_known(x[c]):
            missing += 1
        elif not encoding.tokens:
            update_moments(moments, c, x[c], encoding.forgetting, encoding.limit)
            if encoding.differences and n > 0 and is_known(before[c]):
                update_moments(moments, encoding.values + c, x[c] - before[c], encoding.forgetting, encoding.limit)
        newest[c] = x[c]
    if encoding.elapsed and is_known(gap):
        update_moments(moments, moments.shape[1] - 1, math.log1p(gap), encoding.forgetting, encoding.limit)
    return missing


@inner
def encode_event(encoding: InputEncoding, past: PastInputs, n: int, gap: float, time: float, encoded: Any) -> None:
    """Write the columns of event n, which was recorded last, to `encoded` (X,)."""
    moments, history = past
    x = history[n % history.shape[0]]
    end = _encode_values(encoding, moments, x, True, encoded, 0)
    if encoding.flags:
        for c in range(encoding.values):
            encoded[end + c] = not is_known(x[c])
        end += encoding.values
    if encoding.differences:
        before = history[(n - 1) % history.shape[0]]
        for c in range(encoding.values):
            change = x[c] - before[c]
            exists = n > 0 and is_known(x[c]) and is_known(before[c])
            encoded[end + c] = _scaled_change(encoding, moments, encoding.values + c, change) if exists else 0.0
        end += encoding.values
    end = _encode_lags(encoding, encoding.lags, past, n, encoded, end)
    if encoding.elapsed:
        encoded[end] = _scaled(encoding, moments, moments.shape[1] - 1, math.log1p(gap)) if is_known(gap) else 0.0
        end += 1
    local = _local_time(encoding, time) if encoding.cycles.shape[0] else time
    for k in range(encoding.cycles.shape[0]):
        angle = encoding.cycles[k] * local if is_known(time) else 0.0
        encoded[end] = math.sin(angle)
        encoded[end + 1] = math.cos(angle) if is_known(time) else 0.0
        end += 2
    _encode_lags(encoding, encoding.readout_lags, past, n, encoded, end)


@inner
def _encode_lags(encoding: InputEncoding, lags: Any, past: PastInputs, n: int, encoded: Any, end: int) -> int:
    """Write the values `lags` (n,) before event n to `encoded` from `end` on; return the new end."""
    moments, history = past
    for k in range(lags.shape[0]):
        lag = lags[k]
        end = _encode_values(encoding, moments, history[(n - lag) % history.shape[0]], lag <= n, encoded, end)
    return end


@inner
def _local_time(encoding: InputEncoding, time: float) -> float:
    """Return a time by the clock of the time zone; forecasts of forecasts have times that no caller knows."""
    first, last = 0, encoding.offset_starts.shape[0] - 1
    while first < last:
        middle = (first + last + 1) // 2
        if encoding.offset_starts[middle] <= time:
            first = middle
        else:
            last = middle - 1
    return time + encoding.offsets[first]


@inner
def _encode_values(encoding: InputEncoding, moments: Any, x: Any, exists: bool, encoded: Any, start: int) -> int:
    """Write the scaled x (I,), or the means if it does not exist, to `encoded` from `start` on; return the end."""
    for c in range(encoding.values):
        value = x[c] if exists and is_known(x[c]) else moments[MEAN, c]
        encoded[start + c] = _scaled(encoding, moments, c, value)
    return start + encoding.values


@inner
def _scaled(encoding: InputEncoding, moments: Any, c: int, value: float) -> float:
    if not encoding.scaled:
        return value
    return z_score(value, moments[MEAN, c], deviation(moments, c), encoding.limit)


@inner
def _scaled_change(encoding: InputEncoding, moments: Any, c: int, change: float) -> float:
    if not encoding.scaled:
        return change
    return z_score(change, 0.0, root_mean_square(moments, c), encoding.limit)
