"""What a replay returns in Python: its summary, its model, and frames with its scores and forecasts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.result import BatchResult
from stream_rnn.errors import SettingError, require
from stream_rnn.evaluation.prequential import FORECASTERS, SUMS, Sum
from stream_rnn.html import html_table
from stream_rnn.jobs.tidy import COLUMNS, TidyForecasts, check_tidy, moments, tidy_forecasts
from stream_rnn.jobs.times_ahead import Gaps, times_ahead

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import pyarrow as pa
    import pyarrow.compute as pc
    from numpy.typing import NDArray

    from stream_rnn.connectors.files.source import Source
    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.frames import FrameKind
    from stream_rnn.jobs.replay.job import BatchReport, Job
    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.race.race import Race
    from stream_rnn.settings.engine import Settings
else:
    pa, pc = require("pyarrow", "files"), require("pyarrow.compute", "files")

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Units of times since 1970 that are numbers, per second."""
ERRORS = {"mae": Sum.ABSOLUTE, "rmse": Sum.SQUARED}
"""The errors in a frame of scores, and the sums that they are the means, or the root of the mean, of."""


class Identity(NamedTuple):
    """How the streams and times of events are written."""

    key_type: pa.DataType | None
    """None if events have no key"""
    time_type: pa.DataType | None
    """of timestamps, dates or numbers; None if events have no time"""
    per_second: float = 1.0
    """units of a number per second"""
    timezone: str | None = None
    """whose clock the times follow"""

    @staticmethod
    def of(source: Source, table: pa.Table | None, timezone: str | None, *, has_keys: bool) -> Identity:
        """Return how a table writes streams and times: its own types; files have text, and times in UTC or local."""
        fields = {} if table is None else {field.name: field.type for field in table.schema}
        key_type = fields.get(source.key, pa.string()) if has_keys else None
        if source.time is None:
            return Identity(key_type, None)
        kind, time_format = fields.get(source.time), source.time_format
        if kind is not None and is_plain_number(kind) and time_format in PER_SECOND:
            return Identity(key_type, kind, PER_SECOND[time_format], timezone)
        if kind is not None and pa.types.is_date(kind):
            return Identity(key_type, kind, timezone=timezone)
        if kind is None or not pa.types.is_timestamp(kind):
            return Identity(key_type, pa.timestamp("us", timezone or "UTC"), timezone=timezone)
        zone = kind.tz or timezone
        return Identity(key_type, pa.timestamp(kind.unit, zone), timezone=zone)

    def keys(self, keys: Sequence[Hashable]) -> pa.Array:
        """Return keys as they are in the table."""
        texts = pa.array(keys, pa.string())
        kind = self.key_type
        if kind is not None and pa.types.is_dictionary(kind):
            kind = kind.value_type
        try:
            return texts if kind is None else texts.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return texts

    def times(self, seconds: NDArray[np.float64]) -> pa.Array:
        """Return times in seconds since 1970-01-01 UTC as they are in the table, null where they are NaN."""
        kind = self.time_type
        if kind is None or is_plain_number(kind):
            numbers = seconds * self.per_second
            numbers = np.rint(numbers) if kind is not None and pa.types.is_integer(kind) else numbers
            known = pa.array(numbers, mask=~np.isfinite(numbers))
            return known if kind is None else known.cast(kind)
        micros = pa.array(moments(seconds))
        if pa.types.is_date(kind):
            return micros.cast(pa.timestamp("s"), safe=False).cast(kind, safe=False)
        return micros.cast(pa.timestamp(kind.unit), safe=False).view(kind)


class Collected:
    """The results of a job, for frames."""

    def __init__(self) -> None:
        self._times: list[NDArray[np.float64]] = []
        self._results: list[BatchResult] = []

    def add(self, report: BatchReport) -> None:
        """Keep the results of a batch."""
        self._times.append(report.batch.times)
        self._results.append(report.result)

    def table(self, settings: Settings, keys: Sequence[Hashable], identity: Identity) -> pa.Table:
        """Return the tidy forecasts."""
        if not self._results:
            return tidy_table(settings.target_names, identity, Origins.none(settings))
        times, result = np.concatenate(self._times), BatchResult.concat(self._results)
        gaps = Gaps().of(result.slots, result.begins, times)
        ahead = times_ahead(times, gaps, settings.horizon, identity.timezone)
        _use_known_times(ahead, result.slots, times)
        found = tidy_forecasts(settings, result)
        return tidy_table(
            settings.target_names, identity, Origins(identity.keys(keys), result.slots, times, ahead, found)
        )


class Origins(NamedTuple):
    """Events at which forecasts were made."""

    keys: pa.Array
    """of the streams, by slot"""
    slots: NDArray[np.int64]
    """(N,)"""
    times: NDArray[np.float64]
    """(N,)"""
    ahead: NDArray[np.float64]
    """(N, H) times that the forecasts refer to"""
    found: TidyForecasts

    @staticmethod
    def none(settings: Settings) -> Origins:
        """Return no events."""
        horizon, targets = settings.horizon, len(settings.target_names)
        nothing = np.zeros((0, horizon, targets))
        found = TidyForecasts(nothing, nothing, nothing, np.zeros(0))
        return Origins(pa.array([], pa.string()), np.zeros(0, np.int64), np.zeros(0), np.zeros((0, horizon)), found)


def tidy_table(target_names: Sequence[str], identity: Identity, origins: Origins) -> pa.Table:
    """Return forecasts as a table with the columns `COLUMNS`, without key or times where there are none."""
    count, horizon, targets = origins.found.forecast.shape
    per_event, names = horizon * targets, pa.array(target_names, pa.string())
    has = {"key": identity.key_type is not None} | dict.fromkeys(("origin", "time"), identity.time_type is not None)
    columns = {
        "key": lambda: origins.keys.take(pa.array(np.repeat(origins.slots, per_event))),
        "origin": lambda: identity.times(np.repeat(origins.times, per_event)),
        "time": lambda: identity.times(np.repeat(origins.ahead.reshape(-1), targets)),
        "horizon": lambda: pa.array(np.tile(np.repeat(np.arange(1, horizon + 1), targets), count)),
        "target": lambda: names.take(pa.array(np.tile(np.arange(targets), count * horizon))),
        "forecast": lambda: pa.array(origins.found.forecast.reshape(-1)),
        "low": lambda: pa.array(origins.found.low.reshape(-1)),
        "high": lambda: pa.array(origins.found.high.reshape(-1)),
        "anomaly": lambda: pa.array(np.repeat(origins.found.anomaly, per_event)),
    }
    return pa.table({name: columns[name]() for name in COLUMNS if has.get(name, True)})


def score_table(settings: Settings, sums: NDArray[np.float64], keys: pa.Array | None) -> pa.Table:
    """Return the errors of each stream, target and horizon, of the forecasts and of naive ones.

    Parameters
    ----------
    settings
        Settings of the model.
    sums
        (slots, forecasters, H, D, len(SUMS)) as `Scores.per_stream`.
    keys
        Of the streams, by slot; None if events have no key.
    """
    streams, _, horizon, targets, _ = sums.shape
    by_target = sums.transpose(4, 1, 0, 3, 2).reshape(len(SUMS), len(FORECASTERS), streams * targets * horizon)
    names = pa.array(settings.target_names, pa.string())
    columns = {} if keys is None else {"key": keys.take(pa.array(np.repeat(np.arange(streams), targets * horizon)))}
    columns |= {
        "target": names.take(pa.array(np.tile(np.repeat(np.arange(targets), horizon), streams))),
        "horizon": pa.array(np.tile(np.arange(1, horizon + 1), streams * targets)),
        "scored": pa.array(by_target[Sum.COUNT, 0].astype(np.int64)),
    }
    for place, forecaster in enumerate(FORECASTERS):
        prefix = "" if forecaster == "model" else f"{forecaster}_"
        for name, error in ERRORS.items():
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                mean = by_target[error, place] / by_target[Sum.COUNT, place]
            columns[f"{prefix}{name}"] = pa.array(np.sqrt(mean) if name == "rmse" else mean)
    return pa.table(columns)


class ReplayResult:
    """The results of a replay or a backtest.

    Attributes
    ----------
    engine : Engine or Race
        The model, which has learned from all events.
    summary : Summary
        Counts, errors over all streams, and what could not be used.
    """

    def __init__(
        self, job: Job[Any], summary: Summary, collected: Collected, identity: Identity, kind: FrameKind
    ) -> None:
        self.engine: Engine | Race = job.model
        self.summary = summary
        self._sums = job.scores.per_stream
        self._collected = collected
        self._identity = identity
        self._kind = kind

    @cached_property
    def scores(self) -> Any:
        """Frame with the errors of each stream, target and horizon: mae and rmse of the forecasts, of persistence and
        of the seasonal naive forecast; `scored` is how many forecasts were scored.
        """  # noqa: D205 - the columns belong to the summary
        settings = self.engine.settings
        keys = self._identity.keys(self.engine.keys) if self._identity.key_type is not None else None
        sums = self._sums[: self.engine.stream_count]
        return self._kind.frame(score_table(settings, sums, keys))

    @cached_property
    def forecasts(self) -> Any:
        """Tidy frame: key, origin, time, horizon, target, forecast, low, high, anomaly.

        `origin` is the time of the event at which the forecast was made. `time` is that of the event it refers to, and
        after the last events what follows if events come as the last two did.
        """
        return self._kind.frame(self._collected.table(self.engine.settings, self.engine.keys, self._identity))

    @property
    def skill(self) -> float:
        """By how much the mean absolute error is below that of persistence, as a share; NaN without scores."""
        model, naive = (self.summary.scores.get(name) for name in ("model", "persistence"))
        return float("nan") if not (model and naive and naive["mae"]) else 1.0 - model["mae"] / naive["mae"]

    def __repr__(self) -> str:
        errors = [f"{name} {mae}" for name, mae, *_ in _error_rows(self.summary)]
        shown = f"; MAE: {', '.join(errors)}" if errors else ""
        return f"<{type(self).__name__} of {self.summary.events:,} events of {self.summary.streams:,} streams{shown}>"

    def _repr_html_(self) -> str:
        return html_table(repr(self), _error_rows(self.summary), ("forecaster", "MAE", "RMSE", "scored"))


def _error_rows(summary: Summary) -> list[tuple[object, ...]]:
    """Return the errors over all streams, targets and horizons, by forecaster."""
    return [
        (name.replace("_", " "), f"{row['mae']:.4g}", f"{row['rmse']:.4g}", f"{row['count']:,}")
        for name, row in summary.scores.items()
        if row
    ]


def is_plain_number(kind: pa.DataType) -> bool:
    """Return whether a type is of integers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def check_collectable(settings: Settings) -> None:
    """Check that results can be collected in frames.

    Raises
    ------
    SettingError
        If they are no forecasts of numbers, or streams are forgotten.
    """
    check_tidy(settings)
    if settings.max_streams is not None:
        raise SettingError(
            f"max_streams must not be set, as scores are kept of every stream, got {settings.max_streams}"
        )


def _use_known_times(ahead: NDArray[np.float64], slots: NDArray[np.int64], times: NDArray[np.float64]) -> None:
    """Replace the times (N, H) of next events by those that the events of the same streams (N,) really have."""
    order = np.argsort(slots, kind="stable")
    streams, sorted_times, by_stream = slots[order], times[order], ahead[order]
    for k in range(1, min(ahead.shape[1], len(order) - 1) + 1):
        same = streams[k:] == streams[:-k]
        by_stream[: len(same), k - 1][same] = sorted_times[k:][same]
    ahead[order] = by_stream
