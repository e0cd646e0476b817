"""Scale of residuals by the hour of the day, learned online for each target and horizon.

Most series of people, machines and weather are harder to forecast at some hours than at others. As in models of the
volatility within a day (Andersen & Bollerslev 1997, doi:10.1016/S0927-5398(97)00004-2; Engle & Sokalska 2012,
doi:10.1093/jjfinec/nbr005), the scale of a residual is that of the present time multiplied by a factor of the hour:

    q = |e| / s                  s: recent scale of the residuals e; q is clipped to `LIMIT`
    f_h = running mean of q      over the forecasts that were made at hour h
    factor = f_h / mean of f     over the hours seen so far

With one hour only, as in daily data, it is 1, and so it is before `MIN_COUNT` residuals and where times are unknown.
"""

from __future__ import annotations

from typing import Any, Final

from stream_rnn.kernels.jit import inner

HOURS: Final = 24
COUNT, DISTINCT, TOTAL, FACTORS = range(4)
"""Number of residuals; number of hours that have had one; sum of the f of these; f of each hour, 0 for none. All are 0
before the first residual."""
STATE_SIZE = FACTORS + HOURS
"""Length of the state."""

MIN_COUNT: Final = 100.0
PRIOR: Final = 10.0
"""Residuals that the mean of all hours counts as, in f of an hour."""
RATE: Final = 0.01
"""Least weight of the newest residual in f."""
LIMIT: Final = 10.0
MIN_FACTOR, MAX_FACTOR = 1 / 8, 8.0
FLOOR: Final = 0.01
"""Least initial f."""


@inner
def hourly_factor(state: Any, hour: int) -> float:
    """Return the factor of an hour of the day, -1 for an unknown one, from a state (STATE_SIZE,)."""
    if hour < 0 or state[COUNT] < MIN_COUNT or state[FACTORS + hour] == 0.0:
        return 1.0
    factor = state[FACTORS + hour] * state[DISTINCT] / state[TOTAL]
    return min(max(factor, MIN_FACTOR), MAX_FACTOR)


@inner
def update_hour(state: Any, hour: int, q: float) -> None:
    """Add the relative size of a residual, of a forecast that was made at this hour, to a state (STATE_SIZE,)."""
    if hour < 0:
        return
    q, at = min(q, LIMIT), FACTORS + hour
    state[COUNT] += 1.0
    if state[at] == 0.0:
        state[at] = max(state[TOTAL] / state[DISTINCT] if state[DISTINCT] > 0.0 else q, FLOOR)
        state[DISTINCT] += 1.0
        state[TOTAL] += state[at]
    visits = state[COUNT] / state[DISTINCT]
    change = max(RATE, 1.0 / (visits + PRIOR)) * (q - state[at])
    state[at] += change
    state[TOTAL] += change
