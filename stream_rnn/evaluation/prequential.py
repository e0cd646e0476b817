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
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_rnn.settings.engine import Settings

FORECASTERS = ("model", "persistence", "seasonal_naive")
DAY, HOUR = 86_400.0, 3_600.0
DEFAULT_SEASON = 24
LONGEST_SEASON = 10_000
"""Events of the longest season that is looked for unasked: so many values are kept of each stream."""


class _Rings(NamedTuple):
    """What has to be remembered of each stream."""

    made: Any
    """(slots, K, K, D) the newest forecasts"""
    base: Any
    """(slots, B, D) the last known values when they were made; of labels, those before the newest events"""
    values: Any
    """(slots, V, D) the newest values"""
    last: Any
    """(slots, D) the last known values"""
    length: Any
    """(slots,) int64 events of the sequence"""


class _Task(NamedTuple):
    """What is scored."""

    first: int
    """The nearest event that a forecast speaks of: 0 for labels, 1 for forecasts."""
    late: int
    """Events after the one to be labelled at which its label is given."""
    season: int


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
        self._late = settings.lookahead
        self._classes = settings.categorical
        self._horizon = 1 if self._labels else settings.horizon
        self._season = season
        self._point = point_of(settings)
        self._rings = self._room(0)
        # count, sum of absolute errors, sum of squares, misses
        self._sums = np.zeros((len(FORECASTERS), self._horizon, len(self._names), 4))

    def add(
        self,
        slots: NDArray[np.int64],
        begins: NDArray[np.bool_],
        y: NDArray[np.float64],
        forecasts: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Take N events with the targets' values y (N, D) and the forecasts made at them, (N, *forecast_shape).

        With lookahead L, a label is judged by the value of the event L before, which it speaks of.

        Returns
        -------
        ndarray of shape (N, 2, 4)
            Of the forecasts that each event judged, by the model and by persistence: their number, and the sums of
            their absolute errors, of their squares and of misses.
        """
        judged = np.zeros((len(slots), 2, 4))
        if not len(slots):
            return judged
        if (needed := int(slots.max()) + 1) > len(self._rings.length):
            self._grow(needed)
        made = np.ascontiguousarray(self._point(forecasts).reshape(len(slots), self._horizon, len(self._names)))
        first = 0 if self._labels else 1
        task = _Task(first, self._late, self._season)
        _score(self._rings, self._sums, judged, task, slots, begins, np.ascontiguousarray(y), made)
        return judged

    @staticmethod
    def warmup() -> None:
        """Compile the kernel, or load it from the disk."""
        none = np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, 1)), np.zeros((0, 1, 1))
        _score(_room(0, 1, 0, 1, 0), np.zeros((3, 1, 1, 4)), np.zeros((0, 2, 4)), _Task(1, 0, 0), *none)

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
        K = self._horizon
        seasons = self._season * math.ceil(K / self._season) if self._season else 0
        return _room(streams, K, self._late, len(self._names), seasons)

    def _grow(self, streams: int) -> None:
        old = self._rings
        self._rings = self._room(max(streams, 2 * len(old.length)))
        for ring, before in zip(self._rings, old, strict=True):
            ring[: len(before)] = before


def season_of(keys: NDArray[Any], times: NDArray[np.float64]) -> int:
    """Return the events of a day, or where they are very many of an hour, by the most usual gap within streams.

    24 where there is no time to tell by.
    """
    some = list(dict.fromkeys(keys.tolist()))[:100]
    gaps = np.concatenate([np.diff(times[keys == key]) for key in some]) if some else np.zeros(0)
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return DEFAULT_SEASON
    for period in (DAY, HOUR):
        events = round(period / float(np.median(gaps)))
        if 2 <= events <= LONGEST_SEASON:
            return events
    return DEFAULT_SEASON


def _room(streams: int, horizon: int, late: int, targets: int, seasons: int) -> _Rings:
    return _Rings(
        np.zeros((streams, horizon, horizon, targets)),
        np.zeros((streams, horizon + late, targets)),
        np.zeros((streams, 1 + late + seasons, targets)),
        np.zeros((streams, targets)),
        np.zeros(streams, np.int64),
    )


def point_of(settings: Settings) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return what makes point forecasts of forecasts: the median, the mean, the likeliest class."""
    if settings.loss_name in {"quantile", "gaussian_nll"}:
        point = settings.point
        return lambda forecasts: forecasts[..., point]
    if settings.loss_name == "softmax":
        return lambda forecasts: forecasts.argmax(axis=-1).astype(float)
    if settings.loss_name == "logistic":
        return lambda forecasts: (forecasts > 0.5).astype(float)
    return lambda forecasts: forecasts


@entry
def _score(rings: _Rings, sums: Any, judged: Any, task: _Task, slots: Any, begins: Any, y: Any, made: Any) -> None:
    """Score N events."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        if begins[i]:
            rings.length[slot] = 0
            rings.last[slot] = math.nan
        length, last = rings.length[slot], rings.last[slot]
        values, base = rings.values[slot], rings.base[slot]
        values[length % values.shape[0]] = y[i]
        if task.first == 0:
            rings.made[slot, 0] = made[i]
            base[length % base.shape[0]] = last
        event = length - task.late
        if event >= 0:
            for d in range(y.shape[1]):
                value = values[event % values.shape[0], d]
                if not math.isnan(value):
                    _judge(rings, sums, judged[i], task, slot, event, d, value)
        for d in range(y.shape[1]):
            if not math.isnan(y[i, d]):
                last[d] = y[i, d]
        if task.first > 0:
            rings.made[slot, length % made.shape[1]] = made[i]
            base[length % base.shape[0]] = last
        rings.length[slot] = length + 1


@inner
def _judge(rings: _Rings, sums: Any, judged: Any, task: _Task, slot: int, event: int, d: int, value: float) -> None:
    """Score what was said of target d's known value at an event of the sequence."""
    horizon, values = rings.made.shape[1], rings.values[slot]
    for k in range(min(horizon, event + 1 - task.first)):
        ahead = k + task.first
        made = rings.made[slot, (event - ahead) % horizon, k, d]
        base = rings.base[slot, (event - ahead) % rings.base.shape[1], d]
        if not math.isnan(base):
            _add(sums[1, k, d], base - value)
            _add(judged[1], base - value)
        if task.first == 0 or not math.isnan(base):
            _add(sums[0, k, d], made - value)
            _add(judged[0], made - value)
        if task.season == 0:
            continue
        back = task.season * max((ahead + task.season - 1) // task.season, 1)
        if back <= event:
            before = values[(event - back) % values.shape[0], d]
            if not math.isnan(before):
                _add(sums[2, k, d], before - value)


@inner
def _add(sums: Any, error: float) -> None:
    sums[0] += 1
    sums[1] += abs(error)
    sums[2] += error * error
    sums[3] += error != 0
