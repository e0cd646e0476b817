"""Prequential scores: each forecast is scored when its target arrives, beside two naive forecasters.

    persistence      the last known value
    seasonal_naive   the value one season before, or as many whole seasons as the horizon needs

All are scored on the same streams and sequences: the naive forecasters are reset, too. The model and persistence
are scored on the same events; the seasonal naive forecaster starts one season later.

`SUMS` is the table of what is accumulated of each error, `METRICS` the table of what is reported from these sums.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import entry, inner
from stream_rnn.kernels.unrolled import unrolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_rnn.settings.engine import Settings

FORECASTERS = ("model", "persistence", "seasonal_naive")
DAY, HOUR = 86_400.0, 3_600.0
PERIODS = (DAY, HOUR, 7 * DAY, 365.25 * DAY)
"""Candidate seasons, in seconds; the first with 2 to `MAX_AUTO_SEASON` events is chosen."""
DEFAULT_SEASON = 24
MAX_AUTO_SEASON = 10_000
"""Longest season that is detected, in events: as many values are kept for each stream."""

Errors = dict[str, dict[str, float | int] | None]
"""Metrics and count of each forecaster; None for one without scored forecasts."""


class Sum(IntEnum):
    """Sums over the errors of forecasts, as indices."""

    COUNT = 0
    ABSOLUTE = 1
    SQUARED = 2
    MISSES = 3


SUMS = {Sum.COUNT: "1", Sum.ABSOLUTE: "abs(error)", Sum.SQUARED: "error * error", Sum.MISSES: "error != 0"}
"""The term that each error adds to each sum."""


class Metric(NamedTuple):
    """A figure that is computed from the sums."""

    categorical: bool
    """whether it is for classes, or for numbers"""
    of: Callable[[list[float]], float]


METRICS = {
    "mae": Metric(categorical=False, of=lambda sums: sums[Sum.ABSOLUTE] / sums[Sum.COUNT]),
    "rmse": Metric(categorical=False, of=lambda sums: math.sqrt(sums[Sum.SQUARED] / sums[Sum.COUNT])),
    "mse": Metric(categorical=False, of=lambda sums: sums[Sum.SQUARED] / sums[Sum.COUNT]),
    "accuracy": Metric(categorical=True, of=lambda sums: 1.0 - sums[Sum.MISSES] / sums[Sum.COUNT]),
}


class _Buffers(NamedTuple):
    """Arrays kept for each stream, for K horizons and D targets."""

    forecasts: Any
    """(slots, K, K, D) newest point forecasts"""
    base: Any
    """(slots, B, D) last known values when these were made; for labels, those before the newest events"""
    values: Any
    """(slots, V, D) newest values"""
    last: Any
    """(slots, D) last known values"""
    length: Any
    """(slots,) int64 events of the sequence"""


class _ScoringTask(NamedTuple):
    """What is scored."""

    first: int
    """nearest event that a forecast refers to: 0 for labels, 1 for forecasts"""
    delay: int
    """events after which the label of an event is issued"""
    season: int
    by_stream: bool
    """whether each slot has sums of its own"""


class Scores:
    """Errors of point forecasts so far.

    Parameters
    ----------
    settings
        Settings of the engine whose forecasts are scored.
    season
        Events per season; 0 for no seasonal forecaster.
    by_stream
        Whether each slot has sums of its own, for `per_stream`.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_rnn import Settings
    >>> scores = Scores(Settings(inputs="x"), season=0)
    >>> y = np.array([[1.0], [2.0], [4.0]])
    >>> forecasts = np.array([[[1.5]], [[3.5]], [[0.0]]])  # made at each event, of the next one
    >>> _ = scores.add(np.zeros(3, int), np.array([True, False, False]), y, forecasts)
    >>> scores.overall()["model"]["mae"], scores.overall()["persistence"]["mae"]
    (0.5, 1.5)
    """

    def __init__(self, settings: Settings, season: int, *, by_stream: bool = False) -> None:
        self._names = settings.target_names
        self._is_label = settings.task != "forecast"
        self._delay = settings.lookahead
        self._metrics = {name: metric for name, metric in METRICS.items() if metric.categorical == settings.categorical}
        self._horizon = 1 if self._is_label else settings.horizon
        self._season = season
        self._point_forecasts = point_forecasts(settings)
        self._buffers = self._allocate(0)
        self._by_stream = by_stream
        self._sums = self._allocate_sums(0 if by_stream else 1)

    def add(
        self,
        slots: NDArray[np.int64],
        begins: NDArray[np.bool_],
        y: NDArray[np.float64],
        forecasts: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Score N events with the targets' values y (N, D) and the forecasts made at them, (N, *forecast_shape).

        With lookahead L, a label is scored by the value of the event L before, which it refers to.

        Returns
        -------
        ndarray of shape (N, 2, len(SUMS))
            Sums over the forecasts that each event scored, by the model and by persistence.
        """
        scored = np.zeros((len(slots), 2, len(SUMS)))
        if not len(slots):
            return scored
        if (needed := int(slots.max()) + 1) > len(self._buffers.length):
            self._grow(needed)
        points = self._point_forecasts(forecasts).reshape(len(slots), self._horizon, len(self._names))
        task = _ScoringTask(0 if self._is_label else 1, self._delay, self._season, self._by_stream)
        y, points = np.ascontiguousarray(y), np.ascontiguousarray(points)
        _score(self._buffers, self._sums, scored, task, slots, begins, y, points)
        return scored

    @staticmethod
    def warmup() -> None:
        """Compile the kernel, or load it from the cache."""
        none = np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros((0, 1)), np.zeros((0, 1, 1))
        sums, scored = np.zeros((1, len(FORECASTERS), 1, 1, len(SUMS))), np.zeros((0, 2, len(SUMS)))
        _score(_allocate(0, 1, 0, 1, 0), sums, scored, _ScoringTask(1, 0, 0, by_stream=False), *none)

    def overall(self) -> Errors:
        """Return the errors over all targets and horizons."""
        return self._report(self._sums.sum(axis=(0, 2, 3)))

    def per_target(self) -> dict[str, Errors]:
        """Return the errors of each target over all horizons."""
        return {name: self._report(self._sums[:, :, :, d].sum(axis=(0, 2))) for d, name in enumerate(self._names)}

    def per_horizon(self) -> list[Errors]:
        """Return the errors of each horizon over all targets, from 1 on."""
        return [self._report(self._sums[:, :, k].sum(axis=(0, 2))) for k in range(self._horizon)]

    @property
    def per_stream(self) -> NDArray[np.float64]:
        """Sums over the errors (slots, forecasters, H, D, len(SUMS)), in the order of `FORECASTERS` and `SUMS`."""
        return self._sums

    def _report(self, sums: NDArray[np.float64]) -> Errors:
        return {name: self._errors(row) for name, row in zip(FORECASTERS, sums.tolist(), strict=True)}

    def _errors(self, sums: list[float]) -> dict[str, float | int] | None:
        if not sums[Sum.COUNT]:
            return None
        return {name: metric.of(sums) for name, metric in self._metrics.items()} | {"count": int(sums[Sum.COUNT])}

    def _allocate(self, streams: int) -> _Buffers:
        K = self._horizon
        seasons = self._season * math.ceil(K / self._season) if self._season else 0
        return _allocate(streams, K, self._delay, len(self._names), seasons)

    def _grow(self, streams: int) -> None:
        old, sums = self._buffers, self._sums
        self._buffers = self._allocate(max(streams, 2 * len(old.length)))
        for buffer, before in zip(self._buffers, old, strict=True):
            buffer[: len(before)] = before
        if self._by_stream:
            self._sums = self._allocate_sums(len(self._buffers.length))
            self._sums[: len(sums)] = sums

    def _allocate_sums(self, groups: int) -> NDArray[np.float64]:
        return np.zeros((groups, len(FORECASTERS), self._horizon, len(self._names), len(SUMS)))


def detect_season(keys: NDArray[Any], times: NDArray[np.float64]) -> int:
    """Return the events per day, from the median gap within streams.

    If a day has more than `MAX_AUTO_SEASON` events, return those per hour; if it has fewer than two, those per week, or
    else per year. Return 24 if there are no times or no period fits. Only the first 100 streams are examined.

    Examples
    --------
    >>> import numpy as np
    >>> detect_season(np.array(["pump"] * 5), 900.0 * np.arange(5))
    96
    """
    first_keys = list(dict.fromkeys(keys.tolist()))[:100]
    gaps = np.concatenate([np.diff(times[keys == key]) for key in first_keys]) if first_keys else np.zeros(0)
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return DEFAULT_SEASON
    for period in PERIODS:
        events = round(period / float(np.median(gaps)))
        if 2 <= events <= MAX_AUTO_SEASON:
            return events
    return DEFAULT_SEASON


def point_forecasts(settings: Settings) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the function that reduces forecasts to point forecasts: the median, the mean, the most likely class."""
    spec, point = settings.loss_spec, settings.point
    if settings.top is not None:
        return lambda forecasts: forecasts[..., 0, 0]
    if spec.one_target:
        return lambda forecasts: forecasts.argmax(axis=-1).astype(float)
    if spec.categorical:
        return lambda forecasts: (forecasts > 0.5).astype(float)
    if spec.has_spread:
        return lambda forecasts: forecasts[..., point]
    return lambda forecasts: forecasts


def _allocate(streams: int, horizon: int, delay: int, targets: int, seasons: int) -> _Buffers:
    return _Buffers(
        np.zeros((streams, horizon, horizon, targets)),
        np.zeros((streams, horizon + delay, targets)),
        np.zeros((streams, 1 + delay + seasons, targets)),
        np.zeros((streams, targets)),
        np.zeros(streams, np.int64),
    )


@entry
def _score(
    buffers: _Buffers, sums: Any, scored: Any, task: _ScoringTask, slots: Any, begins: Any, y: Any, forecasts: Any
) -> None:
    """Score N events."""
    for i in range(slots.shape[0]):
        slot = slots[i]
        if begins[i]:
            buffers.length[slot] = 0
            buffers.last[slot] = math.nan
        length, last = buffers.length[slot], buffers.last[slot]
        values, base = buffers.values[slot], buffers.base[slot]
        values[length % values.shape[0]] = y[i]
        if task.first == 0:
            buffers.forecasts[slot, 0] = forecasts[i]
            base[length % base.shape[0]] = last
        event = length - task.delay
        if event >= 0:
            for d in range(y.shape[1]):
                value = values[event % values.shape[0], d]
                if not math.isnan(value):
                    _score_value(buffers, sums, scored[i], task, slot, event, d, value)
        for d in range(y.shape[1]):
            if not math.isnan(y[i, d]):
                last[d] = y[i, d]
        if task.first > 0:
            buffers.forecasts[slot, length % forecasts.shape[1]] = forecasts[i]
            base[length % base.shape[0]] = last
        buffers.length[slot] = length + 1


@inner
def _score_value(
    buffers: _Buffers, sums: Any, scored: Any, task: _ScoringTask, slot: int, event: int, d: int, value: float
) -> None:
    """Score the forecasts of target d's known value at an event of the sequence."""
    horizon, values = buffers.forecasts.shape[1], buffers.values[slot]
    own = sums[slot if task.by_stream else 0]
    for k in range(min(horizon, event + 1 - task.first)):
        ahead = k + task.first
        forecast = buffers.forecasts[slot, (event - ahead) % horizon, k, d]
        base = buffers.base[slot, (event - ahead) % buffers.base.shape[1], d]
        if not math.isnan(base):
            _add(own[1, k, d], base - value)
            _add(scored[1], base - value)
        if task.first == 0 or not math.isnan(base):
            _add(own[0, k, d], forecast - value)
            _add(scored[0], forecast - value)
        if task.season == 0:
            continue
        seasons = task.season * max((ahead + task.season - 1) // task.season, 1)
        if seasons <= event:
            naive = values[(event - seasons) % values.shape[0], d]
            if not math.isnan(naive):
                _add(own[2, k, d], naive - value)


_add = inner(
    unrolled("add(sums, error)", [f"sums[{int(place)}] += {addend}" for place, addend in SUMS.items()], {"abs": abs})
)
"""Add an error to the sums (len(SUMS),)."""
