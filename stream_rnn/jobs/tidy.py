"""Tidy forecasts: a row for each event, horizon and target, with the time that the forecast refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.errors import SettingError
from stream_rnn.evaluation.prequential import point_forecasts
from stream_rnn.jobs.times_ahead import Gaps, times_ahead

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings

COLUMNS = ("key", "origin", "time", "horizon", "target", "forecast", "low", "high", "anomaly")
"""`origin` is the time of the event at which the forecast was made."""


class TidyForecasts(NamedTuple):
    """Forecasts made at N events, of H horizons and D targets."""

    forecast: NDArray[np.float64]
    """(N, H, D)"""
    low: NDArray[np.float64]
    """(N, H, D); NaN without prediction intervals, as `high`"""
    high: NDArray[np.float64]
    anomaly: NDArray[np.float64]
    """(N,) score of the event; NaN without anomaly scores"""


def check_tidy(settings: Settings) -> None:
    """Check that there are forecasts.

    Raises
    ------
    SettingError
        If the task is another one, or classes are forecast.
    """
    if settings.task != "forecast" or settings.categorical:
        got = settings.task if settings.task != "forecast" else f"loss {settings.loss_name}"
        raise SettingError(f"tidy forecasts need task forecast and numbers as targets, got {got}")


def tidy_forecasts(settings: Settings, result: BatchResult) -> TidyForecasts:
    """Return the forecasts of a result of N events: of a loss with a spread, its median or mean.

    Examples
    --------
    >>> from stream_rnn import Engine, Settings
    >>> engine = Engine(Settings(inputs="x", hidden=4, horizon=2))
    >>> tidy_forecasts(engine.settings, engine.process_detailed("pump", [[20.0]])).forecast.tolist()
    [[[20.0], [20.0]]]
    """
    count = len(result.slots)
    shape = (count, settings.horizon, len(settings.target_names))
    bounds = np.full((*shape, 2), np.nan) if result.intervals is None else result.intervals.reshape(*shape, 2)
    return TidyForecasts(
        point_forecasts(settings)(result.forecasts).reshape(shape),
        bounds[..., 0],
        bounds[..., 1],
        np.full(count, np.nan) if result.anomalies is None else result.anomalies,
    )


class TidyRows:
    """Turns the results of a job, batch by batch, into the columns of its output.

    Parameters
    ----------
    settings
        Settings of the model.
    timezone
        Whose clock the times of forecasts follow; None is UTC.
    has_times, has_keys
        Whether events have times and keys; columns for absent ones are omitted.
    last
        (slots,) time of the last event of each stream, if the job resumes.
    """

    def __init__(
        self, settings: Settings, timezone: str | None, *, has_times: bool, has_keys: bool, last: NDArray[np.float64]
    ) -> None:
        check_tidy(settings)
        self._settings = settings
        self._timezone = timezone
        self._has_times = has_times
        self._has_keys = has_keys
        self._gaps = Gaps()
        self._gaps.resume(last)

    def columns(self, batch: EventBatch, result: BatchResult) -> dict[str, NDArray[Any]]:
        """Return the columns of a batch of N events, each (N * H * D,)."""
        found, horizon, targets = (
            tidy_forecasts(self._settings, result),
            self._settings.horizon,
            self._settings.target_names,
        )
        per_event = horizon * len(targets)
        rows: dict[str, NDArray[Any]] = {}
        if self._has_keys:
            rows["key"] = np.repeat(batch.keys, per_event)
        if self._has_times:
            gaps = self._gaps.of(result.slots, result.begins, batch.times)
            ahead = times_ahead(batch.times, gaps, horizon, self._timezone)
            rows["origin"] = np.repeat(moments(batch.times), per_event)
            rows["time"] = np.repeat(moments(ahead.reshape(-1)), len(targets))
        return rows | {
            "horizon": np.tile(np.repeat(np.arange(1, horizon + 1), len(targets)), len(batch)),
            "target": np.tile(np.array(targets, object), len(batch) * horizon),
            "forecast": found.forecast.reshape(-1),
            "low": found.low.reshape(-1),
            "high": found.high.reshape(-1),
            "anomaly": np.repeat(found.anomaly, per_event),
        }


def moments(seconds: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Return seconds since 1970-01-01 UTC (N,) as moments (N,), NaT where they are NaN.

    Examples
    --------
    >>> moments(np.array([1.5, np.nan]))
    array(['1970-01-01T00:00:01.500000',                        'NaT'],
          dtype='datetime64[us]')
    """
    known = np.isfinite(seconds)
    micros = np.rint(np.where(known, seconds, 0.0) * 1e6).astype(np.int64)
    micros[~known] = np.iinfo(np.int64).min
    return micros.view("datetime64[us]")
