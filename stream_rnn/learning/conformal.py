"""Prediction intervals that adapt to reach their coverage (Gibbs & Candes 2021, arXiv:2106.00170).

The interval around a forecast m depends on the residuals e = y - m of the same stream, target and horizon so far:

    [m - l f s, m + u f s]      s^2 = 0.2 a^2 + 0.4 b^2 + 0.4 c^2

where f is the factor of the hour of the day at which the forecast is made, see `hourly_scale`, and a, b and c are
running means of |e| over about 5, 50 and 500 events. Several time scales forecast volatility best (Corsi 2009,
doi:10.1093/jjfinec/nbp001); squaring gives the largest the most weight, so that s follows a rise quickly.

No distribution is assumed for l and u. After each arrival, each end moves by whether the value was outside the interval
as it was issued (quantile tracking; Angelopoulos, Candes & Tibshirani 2023, arXiv:2307.16895):

    log u <- log u + step ([e > u f s] - tail)      tail = (1 - coverage) / 2

and log l likewise. Over T arrivals, the fraction outside an end differs from `tail` by (log u_T - log u_0) / (step T),
whatever the series does, as long as u stays within its bounds. The logarithm makes steps relative to the width. The
ends move separately, because tails differ: concentrations rise fast and fall slowly. A value at horizon h arrives h
events later, but is compared with the interval that was issued, so the identity holds for it too.

Initially, l and u are those of normal residuals, with Student's correction for their number.

A glitch must not widen the intervals for long. |e| is clipped to `limit` times s, and, if consecutive residuals exceed
the clip, to `limit` times the previous clip. A longer run is a structural break, after which the means start from
scratch, so that intervals soon follow a jump of any size.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import is_known

COUNT, OVERLAP, LOW, HIGH, MEAN_COUNT, SHORT, MIDDLE, LONG, CLIP, STREAK = range(10)
"""The elements of the calibration of a target at a horizon: number of residuals; number of these before the first
arrival with an interval; l and u relative to those of normal residuals; number of residuals in the means; a, b and c;
the value to which |e| is clipped; number of consecutive residuals above it. All are 0 before the first residual."""

STATE_SIZE = 10
"""Length of a calibration."""

MIN_COUNT = 10
"""Number of residuals from which |e| is clipped."""

BREAK_LENGTH = 4
"""Number of consecutive clipped residuals that is a structural break. A single glitch causes two: it is also the last
value of the next forecast."""

MIN_FACTOR, MAX_FACTOR = 1 / 4, 100.0
"""Bounds of LOW and HIGH, so that they recover from a long period without variation. In the series of
`benchmarks.intervals` they are between 0.6 and 2.2."""


class Conformal(NamedTuple):
    """The constants of prediction intervals; built by `conformal_constants`."""

    quantile: float
    """z, which a standard normal variable exceeds with probability `tail`"""
    outside: float
    """factor of an end when the value is outside it"""
    inside: float
    """factor of an end when the value is inside it"""
    short: float = 1 / 5
    """weight of the newest residual in a"""
    middle: float = 1 / 50
    """weight of the newest residual in b"""
    long: float = 1 / 500
    """weight of the newest residual in c"""
    limit: float = 10.0
    """maximum of |e|, in units of s"""


def conformal_constants(coverage: float, step: float = 0.01) -> Conformal:
    """Return the constants of prediction intervals.

    Parameters
    ----------
    coverage
        Fraction of values inside the intervals, above 0 and below 1.
    step
        Relative step of an end per arrival. Larger steps follow changes of the tails faster, smaller ones give narrower
        intervals.

    Examples
    --------
    >>> round(conformal_constants(0.9).quantile, 3)
    1.645
    """
    tail = (1 - coverage) / 2
    return Conformal(NormalDist().inv_cdf(1 - tail), math.exp(step * (1 - tail)), math.exp(-step * tail))


@inner
def predict_interval(conformal: Conformal, calibration: Any, factor: float, forecast: float, low_high: Any) -> None:
    """Write low and high of the interval around a forecast to `low_high` (2,); NaN before the first residual.

    `calibration` (STATE_SIZE,) is that of the forecast's stream, target and horizon, and `factor` is f.
    """
    if calibration[COUNT] == 0.0:
        low_high[0] = math.nan
        low_high[1] = math.nan
        return
    width = factor * math.sqrt(0.5 * math.pi) * scale_of_residuals(calibration)
    width *= _student_quantile(conformal.quantile, calibration)
    low_high[0] = forecast - calibration[LOW] * width
    low_high[1] = forecast + calibration[HIGH] * width


@inner
def update_calibration(conformal: Conformal, calibration: Any, residual: float, low: float, high: float) -> None:
    """Update a calibration (STATE_SIZE,) by a value that arrived.

    `residual` is the value minus the forecast; `low` and `high` are the ends of the interval as issued minus the
    forecast. If no interval was issued, they are NaN, and the ends do not move. If the residual is not known, nothing
    changes.
    """
    if not is_known(residual):
        return
    if calibration[COUNT] == 0.0:
        calibration[LOW] = 1.0
        calibration[HIGH] = 1.0
    if math.isnan(low):
        if calibration[OVERLAP] == calibration[COUNT]:
            calibration[OVERLAP] += 1.0
    elif low < high:  # a width of 0, before any variation, says nothing about the tails
        calibration[LOW] = _moved_end(conformal, calibration[LOW], residual < low)
        calibration[HIGH] = _moved_end(conformal, calibration[HIGH], residual > high)
    _update_scale(conformal, calibration, abs(residual))


@inner
def scale_of_residuals(calibration: Any) -> float:
    """Return s of a calibration (STATE_SIZE,), in the target's units."""
    return math.sqrt(0.2 * calibration[SHORT] ** 2 + 0.4 * calibration[MIDDLE] ** 2 + 0.4 * calibration[LONG] ** 2)


@inner
def _student_quantile(z: float, calibration: Any) -> float:
    """Return Student's quantile, with the effective number of residuals as degrees of freedom (Cornish & Fisher 1938).

    Forecasts h events ahead overlap, so that h consecutive residuals are worth one. h is the number of residuals before
    the first arrival with an interval.
    """
    inverse_count = min(max(calibration[OVERLAP], 1.0) / calibration[COUNT], 1.0)
    square = z * z
    first, second = (square + 1.0) / 4.0, ((5.0 * square + 16.0) * square + 3.0) / 96.0
    return z * (1.0 + inverse_count * (first + inverse_count * second))


@inner
def _moved_end(conformal: Conformal, end: float, is_outside: bool) -> float:
    """Return l or u after a value that was outside it or not."""
    end *= conformal.outside if is_outside else conformal.inside
    return min(max(end, MIN_FACTOR), MAX_FACTOR)


@inner
def _update_scale(conformal: Conformal, calibration: Any, size: float) -> None:
    """Add |e| to the running means, which are arithmetic means until they are longer than their time scale."""
    clip = calibration[CLIP]
    is_clipped = calibration[COUNT] >= MIN_COUNT and size > clip > 0.0
    calibration[STREAK] = calibration[STREAK] + 1.0 if is_clipped else 0.0
    if calibration[STREAK] >= BREAK_LENGTH or clip == 0.0:  # a clip of 0: no variation so far
        calibration[MEAN_COUNT] = 0.0
    if is_clipped:
        size = clip
    calibration[COUNT] += 1.0
    calibration[MEAN_COUNT] += 1.0
    plain = 1.0 / calibration[MEAN_COUNT]
    calibration[SHORT] += max(conformal.short, plain) * (size - calibration[SHORT])
    calibration[MIDDLE] += max(conformal.middle, plain) * (size - calibration[MIDDLE])
    calibration[LONG] += max(conformal.long, plain) * (size - calibration[LONG])
    calibration[CLIP] = conformal.limit * (clip if is_clipped else scale_of_residuals(calibration))
