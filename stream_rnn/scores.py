"""Prequential scores: every forecast is judged when its target arrives, beside two naive forecasters.

    persistence      the last known value
    seasonal_naive   the value one season before, or as many whole seasons as the horizon needs

All are scored on the same streams and sequences: a naive forecaster, too, forgets at a reset. The model and persistence
are scored on the same events; the seasonal naive begins one season later.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import entry, inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.config import Settings

FORECASTERS = ("model", "persistence", "seasonal_naive")


class _Rings(NamedTuple):
    """What has to be remembered of each stream."""

    made: Any
    """(slots, R, K, D) the newest forecasts"""
    base: Any
    """(slots, R, D) the last known values when they were made"""
    values: Any
    """(slots, V, D) the newest values"""
    last: Any
    """(slots, D) the last known values"""
    length: Any
    """(slots,) int64 events of the sequence"""


class Scores:
    """Errors of point forecasts so far.

    Parameters
    ----------
    settings
        Whose forecasts are scored.
    season
        Events of one season; 0 for no seasonal forecaster.
    """

    def __init__(self, settings: Settings, season: int) -> None:
        self._names = settings.target_names
        self._labels = settings.task != "forecast"
        self._classes = settings.task == "classification"
        self._horizon = 1 if self._labels else settings.horizon
        self._season = season
        self._point = _point(settings)
        self._rings = self._room(0)
        # count, sum of absolute errors, sum of squares, misses
        self._sums = np.zeros((len(FORECASTERS), self._horizon, len(self._names), 4))

    def add(
        self,
        slots: NDArray[np.int64],
        begins: NDArray[np.bool_],
        y: NDArray[np.float64],
        forecasts: NDArray[np.float64],
    ) -> None:
        """Take N events with the targets' values y (N, D) and the forecasts made at them, (N, *forecast_shape)."""
        if not len(slots):
            return
        if (needed := int(slots.max()) + 1) > len(self._rings.length):
            self._grow(needed)
        made = np.ascontiguousarray(self._point(forecasts).reshape(len(slots), self._horizon, len(self._names)))
        first = 0 if self._labels else 1
        _score(self._rings, self._sums, first, self._season, slots, begins, np.ascontiguousarray(y), made)

    def overall(self) -> dict[str, dict[str, float | int] | None]:
        """Return the errors over all targets and horizons, by forecaster; None for one that had nothing to say."""
        return self._report(self._sums.sum(axis=(1, 2)))

    def per_target(self) -> dict[str, dict[str, dict[str, float | int] | None]]:
        """Return the errors of each target over all horizons."""
        return {name: self._report(self._sums[:, :, d].sum(axis=1)) for d, name in enumerate(self._names)}

    def per_horizon(self) -> list[dict[str, dict[str, float | int] | None]]:
        """Return the errors of each horizon over all targets, from 1 on."""
        return [self._report(self._sums[:, k].sum(axis=1)) for k in range(self._horizon)]

    def _report(self, sums: NDArray[np.float64]) -> dict[str, dict[str, float | int] | None]:
        return {name: self._errors(*row) for name, row in zip(FORECASTERS, sums.tolist(), strict=True)}

    def _errors(self, count: float, absolute: float, squared: float, misses: float) -> dict[str, float | int] | None:
        if not count:
            return None
        if self._classes:
            return {"accuracy": 1.0 - misses / count, "count": int(count)}
        mse = squared / count
        return {"mae": absolute / count, "rmse": math.sqrt(mse), "mse": mse, "count": int(count)}

    def _room(self, streams: int) -> _Rings:
        K, D = self._horizon, len(self._names)
        seasons = max(self._season * math.ceil(K / self._season) if self._season else 0, 1)
        return _Rings(
            np.zeros((streams, K, K, D)),
            np.zeros((streams, K, D)),
            np.zeros((streams, seasons, D)),
            np.zeros((streams, D)),
            np.zeros(streams, np.int64),
        )

    def _grow(self, streams: int) -> None:
        old = self._rings
        self._rings = self._room(max(streams, 2 * len(old.length)))
        for ring, before in zip(self._rings, old, strict=True):
            ring[: len(before)] = before


def _point(settings: Settings) -> Any:
    """Return what makes point forecasts of forecasts: the median, the mean, the likeliest class."""
    if settings.loss_name == "quantile":
        levels = settings.quantiles
        middle = min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5))
        return lambda forecasts: forecasts[..., middle]
    if settings.loss_name == "gaussian_nll":
        return lambda forecasts: forecasts[..., 0]
    if settings.loss_name == "softmax":
        return lambda forecasts: forecasts.argmax(axis=-1).astype(float)
    if settings.loss_name == "logistic":
        return lambda forecasts: (forecasts > 0.5).astype(float)
    return lambda forecasts: forecasts


@entry
def _score(rings: _Rings, sums: Any, first: int, season: int, slots: Any, begins: Any, y: Any, made: Any) -> None:
    """Score N events; `first` is the nearest event that a forecast speaks of, 0 for labels and 1 for forecasts."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        if begins[i]:
            rings.length[slot] = 0
            rings.last[slot] = math.nan
        if first == 0:
            rings.made[slot, 0] = made[i]
            rings.base[slot, 0] = rings.last[slot]
        for d in range(y.shape[1]):
            if not math.isnan(y[i, d]):
                _judge(rings, sums, first, season, slot, d, y[i, d])
        length = rings.length[slot]
        rings.values[slot, length % rings.values.shape[1]] = y[i]
        if first > 0:
            row = length % made.shape[1]
            rings.made[slot, row] = made[i]
            rings.base[slot, row] = rings.last[slot]
        rings.length[slot] = length + 1


@inner
def _judge(rings: _Rings, sums: Any, first: int, season: int, slot: int, d: int, value: float) -> None:
    """Score what was said of target d's known value."""
    horizon, length = rings.made.shape[1], rings.length[slot]
    for k in range(min(horizon, length + 1 - first)):
        ahead = k + first
        row = (length - ahead) % horizon
        base = rings.base[slot, row, d]
        if not math.isnan(base):
            _add(sums[1, k, d], base - value)
        if first == 0 or not math.isnan(base):
            _add(sums[0, k, d], rings.made[slot, row, k, d] - value)
        back = season * max((ahead + season - 1) // season, 1) if season > 0 else length + 1
        if back <= length:
            before = rings.values[slot, (length - back) % rings.values.shape[1], d]
            if not math.isnan(before):
                _add(sums[2, k, d], before - value)
    rings.last[slot, d] = value


@inner
def _add(sums: Any, error: float) -> None:
    sums[0] += 1
    sums[1] += abs(error)
    sums[2] += error * error
    sums[3] += error != 0
