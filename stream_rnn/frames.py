"""Data frames in, tidy forecasts out: pandas, polars, pyarrow and what else narwhals supports.

A frame is read as a file is: columns are matched by name, the time is recognised, words count as missing values. Rows
are processed in order of time, whatever their order is. A frame with the columns ``unique_id``, ``ds`` and ``y`` needs
no options. Results are frames of the same library, with the key and the time zone of the given frame.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from stream_rnn.connectors.events import EventBatch
from stream_rnn.engine import conversions
from stream_rnn.engine.columns import names_of
from stream_rnn.errors import DataError, SettingError, nearest, refuse_unknown
from stream_rnn.evaluation.prequential import point_forecasts
from stream_rnn.jobs.frames import FrameKind, to_table
from stream_rnn.jobs.replay.known import take_known
from stream_rnn.jobs.replay.open import Request, open_job, open_model
from stream_rnn.jobs.replay.result import Identity, Origins, ReplayResult, tidy_table
from stream_rnn.jobs.replay.run import collect, split_options, warn_of_unused
from stream_rnn.jobs.tidy import TidyForecasts, check_tidy
from stream_rnn.jobs.times_ahead import times_ahead
from stream_rnn.race.race import Race
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.replay.job import Job
    from stream_rnn.jobs.replay.known import Known
    from stream_rnn.jobs.replay.run import Callback

__all__ = ["Backtest", "FrameModel", "backtest", "learn"]

UNIQUE_ID = "unique_id"
"""Column that is the key unless another one is named, as in the libraries of Nixtla."""
OF_FILES = ("files", "format", "follow", "speed", "output", "output_format", "tidy", "checkpoint", "resume")
"""Options of a replay that do not apply to a frame."""
NUMBERED = ("categories", "tokens")
"""Options that assign numbers to words; a model does not keep these numbers."""

Backtest = ReplayResult


def learn(df: Any, *, model: Engine | Race | None = None, **options: Any) -> FrameModel:
    """Learn from the rows of a frame.

    Parameters
    ----------
    df
        The frame.
    model
        Engine or race to continue with, as from a checkpoint, whose inputs are columns of the frame. Default: a new
        one.
    **options
        ``key``, ``time`` and other options of a replay, and, for a new model, ``targets``, ``horizon``, ``preset`` and
        other settings of an engine. Default: preset ``auto``, every numeric column as input and target. ``known`` names
        columns whose next values are known, such as a plan: their values at the next `horizon` rows of a stream are
        inputs, too. Rows after the last one with a target are only used for these. It needs ``targets``.

    Returns
    -------
    FrameModel
        The model, which forecasts and continues to learn.

    Raises
    ------
    DataError, ConnectorError, SettingError
        If the frame cannot be used, or an option is not allowed; the message names the column, row or option.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.date_range("2025-01-01", periods=200, freq="h", tz="Europe/Berlin")
    >>> df = pd.DataFrame({"unique_id": "pump", "ds": hours, "y": [hour % 24 for hour in range(200)]})
    >>> model = learn(df, horizon=2, preset="linear")
    >>> model.forecast("pump")[["key", "time", "horizon"]]
        key                      time  horizon
    0  pump 2025-01-09 08:00:00+01:00        1
    1  pump 2025-01-09 09:00:00+01:00        2
    """
    table = to_table(df)
    options, known = take_known(options, None if model is None else model.settings)
    if model is None:
        settings, chosen = split_options(_checked(options, table))
        table, settings = _with_leads(known, table, settings)
        job = open_job(settings, chosen, Request(table))
    else:
        refuse_unknown(options, ReplaySettings.__struct_fields__)
        if numbered := next((name for name in NUMBERED if name in options), None):
            raise SettingError(f"{numbered} needs a new model: this one does not know the numbers of words")
        settings, _ = split_options(_checked(options, table))
        table, settings = _with_leads(known, table, settings)
        job = open_model(settings, model, Request(table))
    identity = Identity.of(job.source, table, settings.timezone, has_keys=job.has_keys)
    _run(job)
    roles = {"key": job.source.key, "time": job.source.time or ""}
    return FrameModel(job.model, FrameKind.of(df), identity, replace(settings, **roles), known)


def backtest(df: Any, *, callbacks: Sequence[Callback] = (), **options: Any) -> Backtest:
    """Forecast at every row of a frame from the rows before it, and score: the model learns as it goes.

    Parameters
    ----------
    df
        As for `learn`.
    callbacks
        Follow the backtest, such as those of `stream_rnn.callbacks`.
    **options
        As for `learn`. ``season`` is the number of events per season of the seasonal naive forecast.

    Returns
    -------
    Backtest
        Its `forecasts` are tidy, its `scores` the errors of each stream, target and horizon beside those of
        persistence and the seasonal naive forecast; `engine` is the model.

    Raises
    ------
    DataError, ConnectorError, SettingError
        As `learn`.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2025-01-01", periods=400)
    >>> result = backtest(pd.DataFrame({"ds": days, "y": [day % 7 for day in range(400)]}), horizon=2, preset="linear")
    >>> result.scores[["target", "horizon", "scored"]]
      target  horizon  scored
    0      y        1     399
    1      y        2     398
    """
    table = to_table(df)
    options, known = take_known(options)
    settings, chosen = split_options(_checked(options, table))
    table, settings = _with_leads(known, table, settings)
    return collect(open_job(settings, chosen, Request(table, by_stream=True)), FrameKind.of(df), table, callbacks)


class FrameModel:
    """A model with the names and types of the columns that it has learned from; created by `learn`.

    Attributes
    ----------
    engine : Engine or Race
        The model. The keys of its streams are text.
    """

    def __init__(
        self,
        engine: Engine | Race,
        kind: FrameKind,
        identity: Identity,
        settings: ReplaySettings,
        known: Known | None = None,
    ) -> None:
        self.engine = engine
        self._kind = kind
        self._identity = identity
        self._settings = settings
        self._known = known

    def learn(self, df: Any) -> None:
        """Learn from more rows, which follow those before.

        Raises
        ------
        DataError, ConnectorError
            If the frame cannot be used, or has rows of a stream that are not later than those learned from.
        """
        table, _ = _with_leads(self._known, to_table(df), self._settings)
        events = self._events(table)
        if older := len(events) - len(self._newer(events)):
            raise DataError(
                f"df has {older:,} rows that are not later than those learned from: pass the newer rows only"
            )
        _run(open_model(self._settings, self.engine, Request(table)))

    def forecast(self, of: Any = None, horizon: int | None = None) -> Any:
        """Forecast the next events of streams, and change nothing.

        Parameters
        ----------
        of
            Keys of the streams; or a frame, whose streams are forecast after its last rows: those that are later than
            what was learned from are processed by a copy of the model. Default: all streams.
        horizon
            Number of events; by default that of the model. Beyond it, forecasts are rolled out, without intervals; not
            with known columns, whose values are not known there.

        Returns
        -------
        frame
            key, origin, time, horizon, target, forecast, low, high, anomaly; of the library that was learned from, or
            of that of the frame.

        Raises
        ------
        DataError
            If a key is unknown, the horizon is not allowed, or the frame cannot be used.
        """
        settings, engine, kind = self.engine.settings, self.engine, self._kind
        check_tidy(settings)
        horizon = settings.horizon if horizon is None else _checked_horizon(horizon)
        if horizon > settings.horizon and (self._known is not None or isinstance(engine, Race)):
            raise DataError(f"horizon must be at most that of the model, {settings.horizon}, got {horizon}")
        keys = list(map(str, engine.keys))
        if of is not None and names_of(of) is not None:
            kind, (table, _) = FrameKind.of(of), _with_leads(self._known, to_table(of), self._settings)
            events = self._events(table)
            keys = list(dict.fromkeys(events.keys.tolist()))
            if len(newer := self._newer(events)):
                engine = type(engine).restore(engine.snapshot().finish())
                _run(open_model(self._settings, engine, Request(table.take(newer))))
        elif of is not None:
            keys = [str(key) for key in ([of] if isinstance(of, str | int) else conversions.plain_keys(of))]
        known = set(map(str, engine.keys))
        if unknown := next((key for key in keys if key not in known), None):
            raise DataError(f"no stream has the key {unknown!r}{nearest(unknown, map(str, known))}")
        origins = _origins(engine, list(dict.fromkeys(keys)), horizon, self._identity)
        return kind.frame(tidy_table(settings.target_names, self._identity, origins))

    def _events(self, table: pa.Table) -> EventBatch:
        """Return the usable rows of a table as events."""
        with open_model(self._settings, self.engine, Request(table)).source as source:
            return EventBatch.concat([EventBatch.empty(source.columns), *source])

    def _newer(self, events: EventBatch) -> NDArray[np.int64]:
        """Return the rows of events (N,) that are later than the last event learned of their streams."""
        learned = {key: self.engine.last_time(key)[0] for key in self.engine.keys}
        last = np.array([learned.get(key, -math.inf) for key in events.keys.tolist()])
        return np.sort(events.positions.record[~(events.times <= last)])

    def __repr__(self) -> str:
        streams = f"{self.engine.stream_count:,} streams, {self.engine.counts.events:,} events"
        return f"<{type(self).__name__} of {', '.join(self.engine.settings.target_names)}: {streams}>"


def _checked(options: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    """Return the options for a table, whose key may be the usual one.

    Raises
    ------
    SettingError
        If an option is for files only.
    """
    if of_files := next((name for name in OF_FILES if name in options), None):
        raise SettingError(f"{of_files} is for files, not for a frame")
    return ({"key": UNIQUE_ID} if UNIQUE_ID in table.column_names else {}) | options


def _with_leads(known: Known | None, table: pa.Table, settings: ReplaySettings) -> tuple[pa.Table, ReplaySettings]:
    """Return a table with the leads of known columns, if there are any, and the settings to read it with."""
    if known is None:
        return table, settings
    known.check(settings)
    return known.add_to(table, settings)


def _run(job: Job[Any]) -> None:
    """Let a model learn, and report unusable values."""
    summary = job.run()
    warn_of_unused(summary, job.source.files[0])


def _checked_horizon(horizon: object) -> int:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise DataError(f"horizon must be an integer of at least 1, got {horizon!r}")
    return int(horizon)


def _origins(engine: Engine | Race, keys: list[str], horizon: int, identity: Identity) -> Origins:
    """Return the forecasts after the last events of streams."""
    settings = engine.settings
    direct = min(horizon, settings.horizon)
    points, bounds = point_forecasts(settings), np.full((len(keys), horizon, len(settings.target_names), 2), np.nan)
    forecast, anomaly = np.full(bounds.shape[:3], np.nan), np.full(len(keys), np.nan)
    for place, key in enumerate(keys):
        forecast[place, :direct] = points(engine.predict(key))[:direct]
        if isinstance(engine, Race):
            continue
        if horizon > direct:
            forecast[place, direct:] = points(engine.generate(key, steps=horizon))[direct:]
        if settings.interval is not None:
            bounds[place, :direct] = engine.interval(key).reshape(settings.horizon, -1, 2)[:direct]
        if settings.anomaly:
            anomaly[place] = engine.anomaly(key)
    last = np.array([engine.last_time(key) for key in keys]).reshape(len(keys), 2)
    ahead = times_ahead(last[:, 0], last[:, 1], horizon, identity.timezone)
    found = TidyForecasts(forecast, bounds[..., 0], bounds[..., 1], anomaly)
    return Origins(identity.keys(keys), np.arange(len(keys)), last[:, 0], ahead, found)
