"""Forecasters for river: the target's values at the next events, from the past; one per cell, and one with a race."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from river.time_series.base import Forecaster

from stream_rnn.engine.conversions import plain_keys
from stream_rnn.engine.engine import Engine
from stream_rnn.engine.exclusive import exclusive
from stream_rnn.errors import DataError, SettingError
from stream_rnn.estimators.arguments import check_horizon, check_key
from stream_rnn.estimators.features import MAX_FEATURES, TARGET
from stream_rnn.estimators.frame_events import DEFAULT_KEY, events_of, open_frame
from stream_rnn.estimators.recurrent import Recurrent
from stream_rnn.estimators.streaming import ModelT, Streaming
from stream_rnn.race.race import Race
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.presets import PRESETS
from stream_rnn.settings.race import RaceSettings, parse_members, preset

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from stream_rnn.estimators.frame_events import FrameEvents


class StreamingForecaster(Streaming[ModelT], Forecaster):
    """Forecaster with a model of many streams."""

    def learn_one(
        self,
        y: float | None,
        x: Mapping[Any, Any] | None = None,
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,
    ) -> None:
        """Process one event and learn from it.

        Parameters
        ----------
        y
            The target's value; None and NaN are missing.
        x
            Other inputs at this event: numbers and text; None and NaN are missing, and a datetime is the event's time.
        key
            The stream.
        time
            Seconds since the Unix epoch, or a datetime.
        end
            Whether the stream's sequence ends with this event.

        Raises
        ------
        DataError
            If a value cannot be used; the estimator is unchanged then.
        """
        self._learn_event({} if x is None else x, y, key, time, end)

    def learn_many(self, y: Any, X: Any = None, key: Any = None, time: Any = None, end: Any = None) -> None:
        """Learn from many events, with bitwise the result of calling `learn_one` for each.

        Parameters
        ----------
        y
            The target's values: a series, an array or a list.
        X
            Data frame with other inputs, one row per event; if omitted, there are none.
        key
            Stream of each event, or a single string or integer for all.
        time, end
            Time and end of each event: a series, an array or a list.

        Raises
        ------
        DataError
            As `learn_one`, or if lengths differ; nothing is learned then.
        MissingExtraError
            If narwhals, which reads data frames, is not installed.

        Examples
        --------
        >>> import pandas as pd
        >>> from stream_rnn.estimators import GRUForecaster
        >>> model = GRUForecaster(horizon=2, hidden=4, seed=1)
        >>> model.learn_many(pd.Series([20.0, 21.0, 20.0, 22.0]), key=["pump", "fan", "pump", "fan"])
        >>> model.predict_many(2, ["fan", "pump"]).shape
        (2, 2)
        """
        frame = open_frame(y if X is None else X, alone=X is None)
        values = [self._register_target(value)[1][0] for value in frame.row_values(y, "y")]
        self._learn_rows(events_of(frame, self._fields, key, time, end), np.array(values, np.float64))

    @exclusive
    def _learn_rows(self, events: FrameEvents, ys: NDArray[np.float64]) -> None:
        """Learn from many events with the target's values ys (N,); the model grows where a feature is new."""
        model, count = self._model, len(events.keys)
        additions, features = self._features.additions(events.table, 0 if model is None else model.counts.events)
        starts = sorted({0, *additions}) if count else []
        for start, stop in pairwise([*starts, count]):
            if start in additions:
                self._features = additions[start]
            if model is None or start in additions:
                model = self._update_model()
            part = slice(start, stop)
            X = np.column_stack([ys[part], self._features.matrix(events.table, part)])
            model.process(events.keys[part], X, ys[part], events.times[part], events.ends[part])
        self._features = features

    def predict_many(self, horizon: int, key: Any = None) -> NDArray[np.float64]:
        """Return what `forecast` returns for each of many streams, as an array (streams, horizon).

        Parameters
        ----------
        horizon
            Number of events.
        key
            Keys of the streams, or a single one; if omitted, the stream of events without a key.
        """
        keys = [DEFAULT_KEY if key is None else key] if key is None or isinstance(key, str | int) else plain_keys(key)
        return np.array([self.forecast(horizon, key=each) for each in keys]).reshape(len(keys), check_horizon(horizon))

    @exclusive
    def forecast(
        self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None, key: Hashable | None = None
    ) -> list[float]:
        """Return the target's values at the next events of a stream, and change nothing.

        Parameters
        ----------
        horizon
            Number of events.
        xs
            What is known about these events. Only the stream's key is read from it, if `key_field` is set: forecasts
            depend on past events only.
        key
            The stream.

        Returns
        -------
        list of float
            Zeros before the stream's first event, and after a reset.

        Raises
        ------
        DataError
            If the horizon is not an integer of at least 1, or longer than a race's, or if `xs` has another length.
        """
        horizon = check_horizon(horizon)
        if xs is not None and (not isinstance(xs, Sequence) or len(xs) != horizon):
            got = f"{len(xs)}" if isinstance(xs, Sequence) else type(xs).__name__
            raise DataError(f"xs must be a sequence with one entry for each of the {horizon} events ahead, got {got}")
        stream = self._resolve_key(xs, key)
        if self._model is None or not self._model.length(stream):
            return [0.0] * horizon
        return self._forecast(self._model, stream, horizon)

    @abstractmethod
    def _forecast(self, model: ModelT, stream: Hashable, horizon: int) -> list[float]:
        """Return the target's values at the next events of a stream that has had events."""

    def _resolve_key(self, xs: Sequence[Mapping[Any, Any]] | None, key: Hashable | None) -> Hashable:
        """Return the key of the stream to forecast: as passed, or from the first of `xs`."""
        if key is None:
            if self.key_field is None:
                return DEFAULT_KEY
            key = xs[0].get(self.key_field) if xs and hasattr(xs[0], "get") else None
        return check_key(key)

    def _input_names(self) -> tuple[str, ...]:
        return (TARGET, *super()._input_names())

    def _input_values(self, targets: list[float], row: list[Any]) -> list[Any]:
        return targets + row


class RecurrentForecaster(Recurrent, StreamingForecaster[Engine]):
    """Forecaster with a recurrent network.

    A forecast starts from a point between the last value and the running mean. The change from there is linear in the
    hidden state, the inputs, their changes and the time of day, and is learned by recursive least squares.

    Parameters
    ----------
    horizon
        Events ahead that are forecast directly, each by its own outputs; forecasts beyond are rolled out.

    Examples
    --------
    >>> import math
    >>> from stream_rnn.estimators import GRUForecaster
    >>> wave = [10 * math.sin(t / 4) for t in range(1003)]
    >>> model = GRUForecaster(horizon=3, hidden=8, seed=1)
    >>> for value in wave[:1000]:
    ...     model.learn_one(value)
    >>> bool(max(abs(forecast - value) for forecast, value in zip(model.forecast(3), wave[1000:])) < 1)
    True
    """

    _default_settings = PRESETS["forecast"]

    def __init__(
        self,
        horizon: int = 12,
        hidden: int | tuple[int, ...] = 32,
        window: int = 16,
        learning_rate: float = 1e-3,
        text_width: int = 8,
        key_field: Hashable | None = None,
        time_field: Hashable | None = None,
        end_field: Hashable | None = None,
        seed: int | None = None,
        max_features: int = MAX_FEATURES,
        **settings: Any,
    ) -> None:
        # The signature repeats that of Recurrent: river reads it to clone an estimator, and editors to complete it.
        self.horizon = horizon
        fields = (key_field, time_field, end_field)
        super().__init__(hidden, window, learning_rate, text_width, *fields, seed, max_features, **settings)

    def _forecast(self, model: Engine, stream: Hashable, horizon: int) -> list[float]:
        forecasts: list[float] = self._point_forecasts(model.predict(stream))[:, 0].tolist()
        if horizon > len(forecasts):
            rollout = self._point_forecasts(model.generate(stream, steps=horizon))[:, 0].tolist()
            forecasts += rollout[len(forecasts) :]
        return forecasts[:horizon]

    def _task_settings(self) -> dict[str, Any]:
        return {"task": "forecast", "targets": TARGET, "horizon": self.horizon}


class AutoForecaster(StreamingForecaster[Race]):
    """Forecaster that need not be chosen: a race of complementary forecasters, the preset `auto`.

    The presets `forecast` and `linear` learn side by side with naive forecasts, all but persistence with a season,
    which is detected. The forecast is their mixture, with weights that follow their errors for each stream and horizon:
    it is about as good as the best of them, and takes the time of all.

    Parameters
    ----------
    horizon
        Events ahead that are forecast.
    loss
        Errors that weights follow: ``squared`` for a small mean squared error, ``absolute`` for a small mean absolute
        error.
    retire_below
        Retire a member whose mean weight since the last check is below this, to save its time; None to keep all.
    check_every
        Number of events between two decisions which members to retire.
    text_width
        Inputs of each text feature: the length of the random code that hashing gives each word.
    key_field, time_field, end_field
        Features that hold an event's stream, its time, and whether its sequence ends with it, where these are not
        passed as keywords.
    seed
        Seed of the initial weights; None draws one.
    max_features
        Most features; later ones are ignored, with a warning. Beyond 64 inputs, new features are added in blocks: they
        are ignored for some events first.
    **settings
        Other settings of `stream_rnn.Settings` that a preset of a race takes, such as ``max_streams``.

    Raises
    ------
    SettingError
        If a setting is unknown, not allowed, or set by the estimator itself.

    Examples
    --------
    >>> from stream_rnn.estimators import AutoForecaster
    >>> week = [20, 22, 21, 23, 25, 9, 8]
    >>> model = AutoForecaster(horizon=7, seed=1)
    >>> for day in range(700):
    ...     model.learn_one(week[day % 7])
    >>> [round(value) for value in model.forecast(7)]
    [20, 22, 21, 23, 25, 9, 8]
    """

    def __init__(
        self,
        horizon: int = 12,
        loss: Literal["squared", "absolute"] = "squared",
        retire_below: float | None = None,
        check_every: int = 10_000,
        text_width: int = 8,
        key_field: Hashable | None = None,
        time_field: Hashable | None = None,
        end_field: Hashable | None = None,
        seed: int | None = None,
        max_features: int = MAX_FEATURES,
        **settings: Any,
    ) -> None:
        self.horizon = horizon
        self.loss = loss
        self.retire_below = retire_below
        self.check_every = check_every
        super().__init__(text_width, key_field, time_field, end_field, seed, max_features, **settings)
        for name in ("inputs", "targets", "task", "preset"):
            if name in settings:
                raise SettingError(f"{name} is set by the estimator and cannot be passed, got {settings[name]!r}")
        self._members(0)

    @property
    def race(self) -> Race | None:
        """The race that learns; None before the first event."""
        return self._model

    def _members(self, seed: int) -> tuple[dict[str, Settings], RaceSettings]:
        """Return the settings of the members and of the race for the features that are known."""
        own = {"inputs": self._input_names(), "targets": (TARGET,), "horizon": self.horizon, "seed": seed}
        config = preset("auto", self.settings | own)
        changes = {"weigh_by": self.loss, "retire_below": self.retire_below, "check_every": self.check_every}
        config = config._replace(race=RaceSettings.parse(config.race.describe() | changes))
        return parse_members(config, Settings.parse), config.race

    def _update_model(self) -> Race:
        """Create the race, or replace it by one that continues with the present features."""
        if self._model is None:
            self._model = Race(*self._members(secrets.randbits(32) if self.seed is None else self.seed))
        else:
            self._model = self._model.with_inputs(self._input_names())
        return self._model

    def _forecast(self, model: Race, stream: Hashable, horizon: int) -> list[float]:
        if horizon > self.horizon:
            raise DataError(f"horizon must be at most that of the forecaster, {self.horizon}, got {horizon}")
        forecasts: list[float] = model.predict(stream)[:horizon, 0].tolist()
        return forecasts


class RNNForecaster(RecurrentForecaster, layer="rnn"):
    """Forecaster with a simple recurrent network (RNN)."""


class GRUForecaster(RecurrentForecaster, layer="gru"):
    """Forecaster with gated recurrent units (GRU)."""


class LSTMForecaster(RecurrentForecaster, layer="lstm"):
    """Forecaster with long short-term memory (LSTM)."""


class SLSTMForecaster(RecurrentForecaster, layer="slstm"):
    """Forecaster with an LSTM with exponential gates (sLSTM)."""


class LRUForecaster(RecurrentForecaster, layer="lru"):
    """Forecaster with linear recurrent units (LRU)."""


class ELSTMForecaster(RecurrentForecaster, layer="elstm"):
    """Forecaster with an element-wise LSTM (eLSTM)."""


class ColumnarGRUForecaster(RecurrentForecaster, layer="columnar_gru"):
    """Forecaster with a columnar GRU."""


class MinGRUForecaster(RecurrentForecaster, layer="mingru"):
    """Forecaster with a minimal GRU (minGRU)."""
