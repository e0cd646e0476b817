"""What forecasts 1..H rows ahead are held against: two naive ones, online linear models, and a frozen recurrence.

The linear ones learn by recursive least squares (Haykin 2014, ch. 10) with forgetting l and inverse correlation P, one
model for each horizon h:

    k = P u / (l + u' P u)      w += k (y - w' u)      P = (P - k u' P) / l

u is 1 and the newest values, y the change over h rows, learned when it has come, so that all begin as persistence:
P = I, w = 0. AR sees the target's own column, VAR all columns. Lags and forgetting are those with the least error h = H
rows ahead on the second half of the training rows. Where values are missing the last known ones stand for them.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

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


ENGINES: dict[str, dict[str, Any]] = {
    "frozen_reservoir": {"preset": "reservoir", "calendar": (), "differences": False, "reversion": False},
    "reservoir_preset": {"preset": "reservoir"},
    "linear_preset": {"preset": "linear"},
}
"""Engines beside the measured one: a frozen recurrence under recursive least squares that sees the values alone;
and the presets that see all that the measured one does, and learn no recurrence."""


class Chosen(NamedTuple):
    """A linear model's forecasts, and what it was chosen to be."""

    forecasts: NDArray[np.float64]
    """(N, H, D) what was said at each row of those after it"""
    lags: int
    forgetting: float


def persistence(z: Array, horizon: int = 1) -> Array:
    """Return each row (N, D), for the H after it: (N, H, D)."""
    return np.repeat(filled(z)[:, np.newaxis], horizon, axis=1)


def seasonal_naive(z: Array, season: int, horizon: int = 1) -> Array:
    """Return the rows a season before those to come, (N, H, D); the first season says 0."""
    known = filled(z)
    forecasts = np.zeros((len(z), horizon, z.shape[1]))
    for ahead in range(1, horizon + 1):
        back = season * -(-ahead // season) - ahead
        forecasts[back:, ahead - 1] = known[: len(z) - back]
    return forecasts


def online_ar(z: Array, train: int, horizon: int = 1) -> Chosen:
    """Return autoregressions, one for each column, chosen on rows before `train`."""
    return _choose(z, train, horizon, [lags for lags in LAGS if z.shape[1] * (1 + lags) ** 2 <= LARGEST], _ar)


def online_var(z: Array, train: int, horizon: int = 1) -> Chosen:
    """Return a vector autoregression, chosen on rows before `train`."""
    return _choose(z, train, horizon, [lags for lags in LAGS if (1 + lags * z.shape[1]) ** 2 <= LARGEST], _var)


def filled(z: Array) -> Array:
    """Return z (N, D) with the last known value where one is missing, 0 before the first."""
    return np.nan_to_num(last_known(z))


def last_known(z: Array) -> Array:
    """Return z (N, D) with the last known value where one is missing, NaN before the first."""
    rows = np.where(np.isnan(z), 0, np.arange(len(z))[:, np.newaxis])
    return np.take_along_axis(z, np.maximum.accumulate(rows, axis=0), axis=0)


def _choose(
    z: Array, train: int, horizon: int, lags: list[int], model: Callable[[Array, int, float, int], Array]
) -> Chosen:
    def error(candidate: tuple[int, float]) -> float:
        said = model(z[:train], *candidate, horizon)
        judged = slice(train // 2, train - horizon)
        return float(np.nanmean((said[judged] - z[train // 2 + horizon : train]) ** 2))

    best = min(product(lags or LAGS[:1], FORGETTING), key=error)
    forecasts = [model(z, *best, ahead) for ahead in range(1, horizon + 1)]
    return Chosen(np.stack(forecasts, axis=1), *best)


def _ar(z: Array, lags: int, forgetting: float, ahead: int) -> Array:
    return np.hstack([_var(z[:, d : d + 1], lags, forgetting, ahead) for d in range(z.shape[1])])


def _var(z: Array, lags: int, forgetting: float, ahead: int) -> Array:
    known = filled(z)
    padded = np.vstack([np.zeros((lags, z.shape[1])), known])
    windows = np.lib.stride_tricks.sliding_window_view(padded, lags, axis=0)[1:]  # (N, D, lags), oldest first
    features = np.hstack([np.ones((len(z), 1)), windows.reshape(len(z), -1)])
    return _rls(np.ascontiguousarray(z), known, np.ascontiguousarray(features), forgetting, ahead)


@numba.njit
def _rls(z: Array, known: Array, features: Array, forgetting: float, ahead: int) -> Array:
    """Return what is said at every row, of which `features` (N, K) are known, of the row so many after it, (N, D)."""
    N, D = z.shape
    K = features.shape[1]
    P, w = np.eye(K), np.zeros((K, D))
    forecasts, errors = np.zeros((N, D)), np.zeros(D)
    for t in range(N):
        if t >= ahead and not np.isnan(z[t]).all():
            u = features[t - ahead]
            said = known[t - ahead] + u @ w  # (K,) @ (K, D) -> (D,)
            for d in range(D):
                errors[d] = 0.0 if np.isnan(z[t, d]) else z[t, d] - said[d]
            Pu = P @ u
            g = forgetting + u @ Pu
            w += np.outer(Pu / g, errors)
            Pu /= np.sqrt(g)  # products of its elements keep P symmetric to the bit; what is not grows by 1 / l a row
            factor = 1.0 / forgetting if np.trace(P) < LIMIT * K else 1.0
            for i in range(K):
                for j in range(K):
                    P[i, j] = factor * (P[i, j] - Pu[i] * Pu[j])
        forecasts[t] = known[t] + features[t] @ w
    return forecasts
