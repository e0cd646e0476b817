"""Baselines for forecasts 1..H rows ahead: persistence, seasonal naive, online linear models, a frozen recurrence.

The linear models learn by recursive least squares (Haykin 2014, ch. 10) with forgetting factor l and inverse
correlation matrix P, one model for each horizon h:

    k = P u / (l + u' P u)      w += k (y - w' u)      P = (P - k u' P) / l

u is a constant 1 and the newest values; y is the change over h rows, learned when it has arrived. Both models start as
persistence: P = I, w = 0. AR sees the target's own column, VAR all columns. Lags and forgetting are those with the
smallest error h = H rows ahead on the second half of the training rows. Missing values are replaced by the last known
ones.
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
MAX_P_ENTRIES = 200_000
"""Candidates with more entries in all P together are not tried; the cost of a row is proportional to them."""

MAX_P_MEAN = 1e6
"""Mean of P's diagonal above which nothing is forgotten: directions without excitation would grow without bound."""


ENGINES: dict[str, dict[str, Any]] = {
    "frozen_reservoir": {
        "preset": "reservoir",
        "readout_lags": (),
        "calendar": (),
        "differences": False,
        "reversion": False,
    },
    "reservoir_preset": {"preset": "reservoir"},
    "linear_preset": {"preset": "linear"},
}
"""Engines to compare with: a frozen reservoir with an RLS readout that sees only the values, and the presets that have
all inputs of the measured engine but do not learn a recurrence."""


class ChosenModel(NamedTuple):
    """A linear model's forecasts, with the lags and the forgetting factor that were chosen."""

    forecasts: NDArray[np.float64]
    """(N, H, D), those of row t for the rows t + 1 .. t + H"""
    lags: int
    forgetting: float


def persistence(z: Array, horizon: int = 1) -> Array:
    """Return the last known row as the forecast of the H rows after it, (N, H, D)."""
    return np.repeat(fill_missing(z)[:, np.newaxis], horizon, axis=1)


def seasonal_naive(z: Array, season: int, horizon: int = 1) -> Array:
    """Return the rows one season before the forecast ones, (N, H, D); 0 in the first season."""
    known = fill_missing(z)
    forecasts = np.zeros((len(z), horizon, z.shape[1]))
    for ahead in range(1, horizon + 1):
        back = season * -(-ahead // season) - ahead
        forecasts[back:, ahead - 1] = known[: len(z) - back]
    return forecasts


def online_ar(z: Array, train: int, horizon: int = 1) -> ChosenModel:
    """Return an autoregression of each column, selected on the rows before `train`."""
    return _select(z, train, horizon, [lags for lags in LAGS if z.shape[1] * (1 + lags) ** 2 <= MAX_P_ENTRIES], _ar)


def online_var(z: Array, train: int, horizon: int = 1) -> ChosenModel:
    """Return a vector autoregression, selected on the rows before `train`."""
    return _select(z, train, horizon, [lags for lags in LAGS if (1 + lags * z.shape[1]) ** 2 <= MAX_P_ENTRIES], _var)


def fill_missing(z: Array) -> Array:
    """Return z (N, D) with missing values replaced by the last known value; 0 before the first."""
    return np.nan_to_num(last_known(z))


def last_known(z: Array) -> Array:
    """Return z (N, D) with missing values replaced by the last known value; NaN before the first."""
    rows = np.where(np.isnan(z), 0, np.arange(len(z))[:, np.newaxis])
    return np.take_along_axis(z, np.maximum.accumulate(rows, axis=0), axis=0)


def _select(z: Array, train: int, horizon: int, lags: list[int], model: Callable[..., Array]) -> ChosenModel:
    def error(candidate: tuple[int, float]) -> float:
        forecasts = model(z[:train], *candidate, horizon)
        scored = slice(train // 2, train - horizon)
        return float(np.nanmean((forecasts[scored] - z[train // 2 + horizon : train]) ** 2))

    best = min(product(lags or LAGS[:1], FORGETTING), key=error)
    forecasts = [model(z, *best, ahead) for ahead in range(1, horizon + 1)]
    return ChosenModel(np.stack(forecasts, axis=1), *best)


def _ar(z: Array, lags: int, forgetting: float, ahead: int) -> Array:
    return np.hstack([_var(z[:, d : d + 1], lags, forgetting, ahead) for d in range(z.shape[1])])


def _var(z: Array, lags: int, forgetting: float, ahead: int) -> Array:
    known = fill_missing(z)
    padded = np.vstack([np.zeros((lags, z.shape[1])), known])
    windows = np.lib.stride_tricks.sliding_window_view(padded, lags, axis=0)[1:]  # (N, D, lags), oldest first
    features = np.hstack([np.ones((len(z), 1)), windows.reshape(len(z), -1)])
    return _rls(np.ascontiguousarray(z), known, np.ascontiguousarray(features), forgetting, ahead)


@numba.njit
def _rls(z: Array, known: Array, features: Array, forgetting: float, ahead: int) -> Array:
    """Return the forecasts (N, D) that each row, with its `features` (N, K), makes of the row `ahead` rows later."""
    N, D = z.shape
    K = features.shape[1]
    P, w = np.eye(K), np.zeros((K, D))
    forecasts, errors = np.zeros((N, D)), np.zeros(D)
    for t in range(N):
        if t >= ahead and not np.isnan(z[t]).all():
            u = features[t - ahead]
            forecast = known[t - ahead] + u @ w  # (K,) @ (K, D) -> (D,)
            for d in range(D):
                errors[d] = 0.0 if np.isnan(z[t, d]) else z[t, d] - forecast[d]
            Pu = P @ u
            g = forgetting + u @ Pu
            w += np.outer(Pu / g, errors)
            Pu /= np.sqrt(g)  # keeps P symmetric to the bit; an asymmetry would grow by 1 / l per row
            factor = 1.0 / forgetting if np.trace(P) < MAX_P_MEAN * K else 1.0
            for i in range(K):
                for j in range(K):
                    P[i, j] = factor * (P[i, j] - Pu[i] * Pu[j])
        forecasts[t] = known[t] + features[t] @ w
    return forecasts
