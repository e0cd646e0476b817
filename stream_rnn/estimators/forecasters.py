"""Forecasters for river, one per cell: the target's values at the next events, from the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from river.time_series.base import Forecaster

from stream_rnn.engine.exclusive import exclusive
from stream_rnn.errors import DataError
from stream_rnn.estimators.arguments import check_horizon, check_key
from stream_rnn.estimators.features import MAX_FEATURES, TARGET
from stream_rnn.estimators.recurrent import DEFAULT_KEY, Recurrent
from stream_rnn.settings.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime


class RecurrentForecaster(Recurrent, Forecaster):
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

    @exclusive
    def forecast(
        self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None, key: Hashable | None = None
    ) -> list[float]:
        """Return the target's values at the next events of a stream, and change nothing.

        Parameters
        ----------
        horizon
            Number of events. Beyond the estimator's own `horizon`, each forecast is fed back as the next event's value.
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
            If the horizon is not an integer of at least 1, or `xs` has another length.
        """
        horizon = check_horizon(horizon)
        if xs is not None and (not isinstance(xs, Sequence) or len(xs) != horizon):
            got = f"{len(xs)}" if isinstance(xs, Sequence) else type(xs).__name__
            raise DataError(f"xs must be a sequence with one entry for each of the {horizon} events ahead, got {got}")
        stream = self._resolve_key(xs, key)
        engine = self._engine
        if engine is None or not engine.length(stream):
            return [0.0] * horizon
        forecasts = self._point_forecasts(engine.predict(stream))[:, 0].tolist()
        if horizon > len(forecasts):
            rollout = self._point_forecasts(engine.generate(stream, steps=horizon))[:, 0].tolist()
            forecasts += rollout[len(forecasts) :]
        return forecasts[:horizon]

    def _resolve_key(self, xs: Sequence[Mapping[Any, Any]] | None, key: Hashable | None) -> Hashable:
        """Return the key of the stream to forecast: as passed, or from the first of `xs`."""
        if key is None:
            if self.key_field is None:
                return DEFAULT_KEY
            key = xs[0].get(self.key_field) if xs and hasattr(xs[0], "get") else None
        return check_key(key)

    def _task_settings(self) -> dict[str, Any]:
        return {"task": "forecast", "targets": TARGET, "horizon": self.horizon}

    def _input_names(self) -> tuple[str, ...]:
        return (TARGET, *super()._input_names())

    def _input_values(self, targets: list[float], row: list[Any]) -> list[Any]:
        return targets + row


class RNNForecaster(RecurrentForecaster, layer="rnn"):
    """Forecaster with a simple recurrent network (RNN)."""


class GRUForecaster(RecurrentForecaster, layer="gru"):
    """Forecaster with gated recurrent units (GRU)."""


class LSTMForecaster(RecurrentForecaster, layer="lstm"):
    """Forecaster with long short-term memory (LSTM)."""


class LRUForecaster(RecurrentForecaster, layer="lru"):
    """Forecaster with linear recurrent units (LRU)."""


class ELSTMForecaster(RecurrentForecaster, layer="elstm"):
    """Forecaster with an element-wise LSTM (eLSTM)."""


class ColumnarGRUForecaster(RecurrentForecaster, layer="columnar_gru"):
    """Forecaster with a columnar GRU."""
