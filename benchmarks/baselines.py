"""What forecasts one row ahead are held against: two naive ones and online linear models.

The linear ones learn by recursive least squares (Haykin 2014, ch. 10) with forgetting l and inverse correlation P:

    k = P u / (l + u' P u)      w += k (y - w' u)      P = (P - k u' P) / l

u is 1 and the newest values, y the change to the next row, so that all begin as persistence: P = I, w = 0. AR sees the
target's own column, VAR all columns. Lags and forgetting are those with the least error on the second half of the
training rows.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LAGS = (1, 2, 4, 8, 24, 48, 96)
FORGETTING = (1.0, 0.9998, 0.9995, 0.999)
LARGEST = 200_000
"""Entries of all P that are tried at most: they are the cost of a row."""

LIMIT = 1e6
"""Above this mean of P's diagonal nothing is forgotten: what the data do not excite would grow without end."""


class Chosen(NamedTuple):
    """A linear model's forecasts, and what it was chosen to be."""

    forecasts: NDArray[np.float64]
    """(N, D) what was said of each row before it came"""
    lags: int
    forgetting: float


def persistence(z: Array) -> Array:
    """Return the row before."""
    return seasonal_naive(z, 1)


def seasonal_naive(z: Array, season: int) -> Array:
    """Return the row a season before; the first season says 0."""
    forecasts = np.zeros_like(z)
    forecasts[season:] = z[:-season]
    return forecasts


def online_ar(z: Array, train: int) -> Chosen:
    """Return autoregressions, one for each column, chosen on rows before `train`."""
    return _choose(z, train, [lags for lags in LAGS if z.shape[1] * (1 + lags) ** 2 <= LARGEST], _ar)


def online_var(z: Array, train: int) -> Chosen:
    """Return a vector autoregression, chosen on rows before `train`."""
    return _choose(z, train, [lags for lags in LAGS if (1 + lags * z.shape[1]) ** 2 <= LARGEST], _var)


def _choose(z: Array, train: int, lags: list[int], forecast: Callable[[Array, int, float], Array]) -> Chosen:
    def error(candidate: tuple[int, float]) -> float:
        judged = slice(train // 2, train)
        return float(np.mean((forecast(z[:train], *candidate)[judged] - z[judged]) ** 2))

    best = min(product(lags or LAGS[:1], FORGETTING), key=error)
    return Chosen(forecast(z, *best), *best)


def _ar(z: Array, lags: int, forgetting: float) -> Array:
    return np.hstack([_var(z[:, d : d + 1], lags, forgetting) for d in range(z.shape[1])])


def _var(z: Array, lags: int, forgetting: float) -> Array:
    return _rls(np.ascontiguousarray(z), lags, forgetting)


@numba.njit
def _rls(z: Array, lags: int, forgetting: float) -> Array:
    """Return the forecasts of every row of z (N, D) from the `lags` rows before it."""
    N, D = z.shape
    K = 1 + lags * D
    P, w = np.eye(K), np.zeros((K, D))
    u, forecasts = np.zeros(K), np.zeros((N, D))
    u[0] = 1.0
    for t in range(1, N):
        u[1 + D :] = u[1 : K - D].copy()
        u[1 : 1 + D] = z[t - 1]
        forecasts[t] = z[t - 1] + u @ w  # (K,) @ (K, D) -> (D,)
        Pu = P @ u
        k = Pu / (forgetting + u @ Pu)
        w += np.outer(k, z[t] - forecasts[t])
        factor = 1.0 / forgetting if np.trace(P) < LIMIT * K else 1.0
        for i in range(K):
            for j in range(K):
                P[i, j] = factor * (P[i, j] - k[i] * Pu[j])
    return forecasts
