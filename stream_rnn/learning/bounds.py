"""Bounds of targets: no forecast and no end of an interval is beyond them, such as a count below 0.

The network learns as without bounds; its forecasts are clipped when they are issued. An interval that is clipped covers
the same values, for none is beyond the bounds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from stream_rnn.kernels.dispatch import Off, dispatched


class Bounds(NamedTuple):
    """The bounds of D targets."""

    lower: Any
    """(D,) float64, -inf for none"""
    upper: Any
    """(D,) float64, inf for none"""
    values: int
    """numbers of a target's forecast that are values of it, the first ones; a variance has no bounds"""


def make_bounds(pairs: tuple[tuple[float | None, float | None], ...], values: int) -> Bounds | Off:
    """Return the bounds of targets, each with its lower and upper one, None where it has none."""
    if all(pair == (None, None) for pair in pairs):
        return Off()
    lower = np.array([-math.inf if low is None else low for low, _ in pairs])
    upper = np.array([math.inf if high is None else high for _, high in pairs])
    return Bounds(lower, upper, values)


@dispatched
def within(bounds: Any, d: int, value: float) -> float:
    """Return a value of target d, or the bound that it is beyond; NaN stays NaN."""
    return value


@within.register
def _within(bounds: Bounds, d: int, value: float) -> float:
    if value < bounds.lower[d]:
        return float(bounds.lower[d])
    return float(bounds.upper[d]) if value > bounds.upper[d] else value


@dispatched
def clip_forecast(bounds: Any, d: int, forecast: Any) -> None:
    """Clip the numbers of a forecast of target d."""


@clip_forecast.register
def _clip_forecast(bounds: Bounds, d: int, forecast: Any) -> None:
    for place in range(bounds.values):
        forecast[place] = within(bounds, d, forecast[place])
