"""Other methods for prediction intervals. Each returns bounds of the residual, the target minus the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 500
RATE = 0.005
"""Step size of Gibbs & Candes (2021)."""


def constant(residuals: NDArray[np.float64], rows: int, coverage: float) -> NDArray[np.float64]:
    """Return bounds (T, 2) of constant half width: the quantile of |e| over the first rows."""
    half = np.nanquantile(np.abs(residuals[:rows]), coverage)
    return np.tile([-half, half], (len(residuals), 1))


@numba.njit
def adaptive(residuals: NDArray[np.float64], horizon: int, coverage: float) -> NDArray[np.float64]:  # pragma: no cover
    """Return the bounds (T, 2) of adaptive conformal inference (Gibbs & Candes 2021) on a rolling window of |e|.

    The half width is the window's quantile at 1 - a, where a <- a + rate (1 - coverage - missed). If a is below 0,
    where the interval would be infinite, the half width is the window's largest |e|.
    """
    bounds = np.full((len(residuals), 2), np.nan)
    recent, ranked = np.zeros(WINDOW), np.zeros(WINDOW)  # by age, and sorted
    count, a = 0, 1.0 - coverage
    for t in range(len(residuals)):
        size = abs(residuals[t])
        if not np.isnan(size):
            if not np.isnan(bounds[t, 1]):
                a += RATE * (1.0 - coverage - (1.0 if size > bounds[t, 1] else 0.0))
            place = count
            if count >= WINDOW:  # replace the oldest
                place = 0
                while ranked[place] != recent[count % WINDOW]:
                    place += 1
            recent[count % WINDOW] = size
            count += 1
            while place > 0 and ranked[place - 1] > size:
                ranked[place] = ranked[place - 1]
                place -= 1
            while place + 1 < min(count, WINDOW) and ranked[place + 1] < size:
                ranked[place] = ranked[place + 1]
                place += 1
            ranked[place] = size
        if count > 0 and t + horizon < len(residuals):
            length = min(count, WINDOW)
            rank = int(np.ceil((1.0 - a) * (length + 1))) - 1
            half = ranked[min(max(rank, 0), length - 1)]
            bounds[t + horizon] = (-half, half)
    return bounds
