"""Prediction intervals that find their own coverage (Gibbs & Candes 2021, arXiv:2106.00170).

The interval around a forecast m is told from the residuals e = y - m that have come so far, of the same stream, target
and horizon:

    [m - l s, m + u s]      s^2 = 0.2 a^2 + 0.4 b^2 + 0.4 c^2

where a, b and c are running means of |e| over about 5, 50 and 500 events: volatility is best forecast from several
spans (Corsi 2009, doi:10.1093/jjfinec/nbp001), and by their squares the largest says most, so that a rise shows soon.

What share of the answers is then beyond l s and u s is nobody's to assume. Each end is moved by whether the answer was
beyond it, as it was given (quantile tracking; Angelopoulos, Candes & Tibshirani 2023, arXiv:2307.16895):

    log u <- log u + step ([e > u s] - tail)      tail = (1 - coverage) / 2

and log l likewise. Over T answers the share beyond an end therefore is (log u_T - log u_0) / (step T) from `tail`,
whatever the series does, for as long as u is within its bounds. The logarithm makes steps the same share of any width.
The ends are apart because the tails are: concentrations jump up and seep down. The answer to a forecast h events ahead
comes h events later; because it is held against the interval that was given, the identity is true of it too.

In the beginning l and u are those of normal residuals, widened as Student's quantiles are by how few there are.

A glitch must not widen the intervals for long: |e| counts as at most `limit` times s, and the next in a row as `limit`
times that. So many in a row are a break, after which the means begin anew and a jump of any size is soon followed.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.learning.scaling import known

COUNT, OVERLAP, LOW, HIGH, SPAN, SHORT, MIDDLE, LONG, REACH, STREAK = range(10)
"""What is kept of a target at a horizon: residuals so far; those before the first answer to an interval; l and u over
those of normal residuals; residuals since the means began; a, b and c; the largest |e| that counts in full; how many in
a row have been larger. All are 0 before the first residual."""

STATE = 10
"""Numbers that are kept of each target at each horizon."""

SETTLED = 10
"""Residuals from which on glitches are told from the rest."""

BREAK = 4
"""Residuals in a row out of reach that are a break: one glitch makes two, as it becomes the last value."""

NARROWEST, WIDEST = 1 / 4, 100.0
"""Bounds of l and u over those of normal residuals: where nothing varies for long, they must be found again when
something does. In the series of `benchmarks.intervals` they are from 0.6 to 2.2."""


class Conformal(NamedTuple):
    """The constants of prediction intervals; `conformal` makes them."""

    quantile: float
    """z, beyond which a standard normal variable is with probability `tail`."""
    beyond: float
    """What an end that the answer was beyond is multiplied by."""
    within: float
    """What an end that it was not beyond is multiplied by."""
    short: float = 1 / 5
    """Share of the newest residual in a."""
    middle: float = 1 / 50
    """... in b."""
    long: float = 1 / 500
    """... in c."""
    limit: float = 10.0
    """How many times s a residual counts as at most."""


def conformal(coverage: float, step: float = 0.01) -> Conformal:
    """Return the constants of intervals that are to hold this share of the answers.

    Parameters
    ----------
    coverage
        Above 0 and below 1.
    step
        How far an end moves for an answer beyond it, as a share of it. Large steps follow changes of the tails sooner,
        small ones give narrower intervals.
    """
    tail = (1 - coverage) / 2
    return Conformal(NormalDist().inv_cdf(1 - tail), math.exp(step * (1 - tail)), math.exp(-step * tail))


@inner
def interval(conformal: Conformal, column: Any, centre: float, low_high: Any) -> None:
    """Write the ends of the interval around a forecast `centre` to `low_high` (2,): NaN before the first residual.

    `column` (STATE,) is what is kept of the forecast's stream, target and horizon; it stays as it is.
    """
    if column[COUNT] == 0.0:
        low_high[0] = math.nan
        low_high[1] = math.nan
        return
    reach = _student(conformal.quantile, column) * math.sqrt(0.5 * math.pi) * _scale(column)
    low_high[0] = centre - column[LOW] * reach
    low_high[1] = centre + column[HIGH] * reach


@inner
def calibrate(conformal: Conformal, column: Any, residual: float, low: float, high: float) -> None:
    """Take what an answer tells into `column` (STATE,).

    `residual` is the answer less the forecast, `low` and `high` are the ends of the interval less the forecast, all as
    they were made; NaN ends, where no interval was given, move nothing. A residual that is not known is no answer.
    """
    if not known(residual):
        return
    if column[COUNT] == 0.0:
        column[LOW] = 1.0
        column[HIGH] = 1.0
    if math.isnan(low):
        if column[OVERLAP] == column[COUNT]:
            column[OVERLAP] += 1.0
    elif low < high:  # where nothing has varied yet, nothing is told of the tails
        column[LOW] = _moved(conformal, column[LOW], residual < low)
        column[HIGH] = _moved(conformal, column[HIGH], residual > high)
    _measure(conformal, column, abs(residual))


@inner
def _scale(column: Any) -> float:
    """Return s, in the target's units."""
    return math.sqrt(0.2 * column[SHORT] ** 2 + 0.4 * column[MIDDLE] ** 2 + 0.4 * column[LONG] ** 2)


@inner
def _student(z: float, column: Any) -> float:
    """Return Student's quantile for as many degrees of freedom as there are residuals (Cornish & Fisher 1938).

    Forecasts h events ahead overlap, and h residuals in a row tell no more than one. How many these are is seen in the
    beginning: as many have come as the first interval's answer arrives.
    """
    scarcity = min(max(column[OVERLAP], 1.0) / column[COUNT], 1.0)  # one over the degrees of freedom
    square = z * z
    first, second = (square + 1.0) / 4.0, ((5.0 * square + 16.0) * square + 3.0) / 96.0
    return z * (1.0 + scarcity * (first + scarcity * second))


@inner
def _moved(conformal: Conformal, end: float, beyond: bool) -> float:
    """Return l or u after an answer that was beyond it or not."""
    end *= conformal.beyond if beyond else conformal.within
    return min(max(end, NARROWEST), WIDEST)


@inner
def _measure(conformal: Conformal, column: Any, size: float) -> None:
    """Take |e| into the running means, which are plain means for as long as they have forgotten nothing."""
    reach = column[REACH]
    held = column[COUNT] >= SETTLED and size > reach > 0.0
    column[STREAK] = column[STREAK] + 1.0 if held else 0.0
    if column[STREAK] >= BREAK or reach == 0.0:  # or nothing has varied yet
        column[SPAN] = 0.0
    if held:
        size = reach
    column[COUNT] += 1.0
    column[SPAN] += 1.0
    plain = 1.0 / column[SPAN]
    column[SHORT] += max(conformal.short, plain) * (size - column[SHORT])
    column[MIDDLE] += max(conformal.middle, plain) * (size - column[MIDDLE])
    column[LONG] += max(conformal.long, plain) * (size - column[LONG])
    column[REACH] = conformal.limit * (reach if held else _scale(column))
