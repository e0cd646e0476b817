"""What the network sees of an event: its values, scaled, and what is derived of them, of its time and of the past.

In this order, for I inputs:

    values         I, by the stream's running mean and deviation; a missing one stands at the mean
    flags          I, 1 where the value is missing
    differences    I, value less the one before it, by the running root mean square; 0 where either is missing
    lags           I for each lag l, the value l events ago, scaled as the values; at the mean where there was none
    elapsed        1, log(1 + seconds since the stream's last event), by its running mean and deviation
    cycles         2 for each frequency w, sin and cos of w times the event's time; 0 where it has no time

Differences and lags do not reach back over the beginning of a sequence; elapsed does. Nothing is known but the past and
the event itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import MEAN, deviation, known, observe, root_mean_square, score

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIODS = {"day": 86_400.0, "week": 7 * 86_400.0, "year": 365.2425 * 86_400.0}
"""Seconds of the cycles that a calendar may have."""


class Inputs(NamedTuple):
    """Which of the groups there are."""

    values: int
    """I, columns of x"""
    tokens: bool
    """Whether the one value is a token id: its mean stays 0, so that a missing one is token 0."""
    scaled: bool
    flags: bool
    differences: bool
    lags: Any
    """(n,) int64, events back"""
    elapsed: bool
    cycles: Any
    """(m,) float64, radians per second"""
    forgetting: float
    limit: float

    @property
    def groups(self) -> int:
        """How many groups have a column for each value: values, flags, differences, lags; these come first."""
        return 1 + self.flags + self.differences + len(self.lags)

    @property
    def columns(self) -> int:
        """How many numbers the network sees."""
        return self.values * self.groups + self.elapsed + 2 * len(self.cycles)

    def places(self, inputs: Inputs) -> NDArray[np.int64]:
        """Return which column each of these is where there are more values, (columns,)."""
        return _places(self.values, inputs.values, self.groups, self.columns)

    def moment_places(self, inputs: Inputs) -> NDArray[np.int64]:
        """Return the same of the columns that have running moments, (moments,)."""
        return _places(self.values, inputs.values, 1 + self.differences, self.moments)

    @property
    def moments(self) -> int:
        """How many columns have running moments: values, differences, elapsed."""
        return self.values * (1 + self.differences) + self.elapsed

    @property
    def kept(self) -> int:
        """How many of the newest events' values are kept."""
        return 1 + max([0, int(self.differences), *self.lags])


def _places(values: int, more: int, groups: int, columns: int) -> NDArray[np.int64]:
    """Return where columns go, groups of so many values first, where each group has more of them."""
    grouped = [group * more + c for group in range(groups) for c in range(values)]
    rest = range(groups * more, groups * more + columns - len(grouped))
    return np.array([*grouped, *rest], np.int64)


class Past(NamedTuple):
    """What is kept of a stream's events."""

    moments: Any
    """(3, moments) float64"""
    history: Any
    """(kept, I) float64, the newest events' values, those of the sequence's event n in row n mod kept"""


@inner
def take_in(inputs: Inputs, past: Past, place: int, x: Any, gap: float) -> int:
    """Take x (I,), `place` events after the first of its sequence, into the past; return how many of it are missing.

    `gap` is in seconds since the stream's last event, NaN where that is not known.
    """
    moments, history = past
    missing, newest = 0, history[place % history.shape[0]]
    before = history[(place - 1) % history.shape[0]]
    for c in range(inputs.values):
        if not known(x[c]):
            missing += 1
        elif not inputs.tokens:
            observe(moments, c, x[c], inputs.forgetting, inputs.limit)
            if inputs.differences and place > 0 and known(before[c]):
                observe(moments, inputs.values + c, x[c] - before[c], inputs.forgetting, inputs.limit)
        newest[c] = x[c]
    if inputs.elapsed and known(gap):
        observe(moments, moments.shape[1] - 1, math.log1p(gap), inputs.forgetting, inputs.limit)
    return missing


@inner
def show(inputs: Inputs, past: Past, place: int, gap: float, time: float, seen: Any) -> None:
    """Write what the network sees of the event that was taken in last, to `seen` (columns,)."""
    moments, history = past
    x = history[place % history.shape[0]]
    end = _values(inputs, moments, x, True, seen, 0)
    if inputs.flags:
        for c in range(inputs.values):
            seen[end + c] = not known(x[c])
        end += inputs.values
    if inputs.differences:
        before = history[(place - 1) % history.shape[0]]
        for c in range(inputs.values):
            change = x[c] - before[c]
            there = place > 0 and known(x[c]) and known(before[c])
            seen[end + c] = _change(inputs, moments, inputs.values + c, change) if there else 0.0
        end += inputs.values
    for lag in inputs.lags:
        end = _values(inputs, moments, history[(place - lag) % history.shape[0]], lag <= place, seen, end)
    if inputs.elapsed:
        seen[end] = _standing(inputs, moments, moments.shape[1] - 1, math.log1p(gap)) if known(gap) else 0.0
        end += 1
    for cycle in inputs.cycles:
        angle = cycle * time if known(time) else 0.0
        seen[end] = math.sin(angle)
        seen[end + 1] = math.cos(angle) if known(time) else 0.0
        end += 2


@inner
def _values(inputs: Inputs, moments: Any, x: Any, there: bool, seen: Any, first: int) -> int:
    """Write x (I,), if it is there, scaled, from the first-th column of `seen` on; return the column after."""
    for c in range(inputs.values):
        value = x[c] if there and known(x[c]) else moments[MEAN, c]
        seen[first + c] = _standing(inputs, moments, c, value)
    return first + inputs.values


@inner
def _standing(inputs: Inputs, moments: Any, c: int, value: float) -> float:
    if not inputs.scaled:
        return value
    return score(value, moments[MEAN, c], deviation(moments, c), inputs.limit)


@inner
def _change(inputs: Inputs, moments: Any, c: int, change: float) -> float:
    if not inputs.scaled:
        return change
    return score(change, 0.0, root_mean_square(moments, c), inputs.limit)
