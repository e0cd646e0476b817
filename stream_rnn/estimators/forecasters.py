"""Forecasters of river's interface, one for each cell: the target's values at the next events, from the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from river.time_series.base import Forecaster

from stream_rnn.errors import DataError
from stream_rnn.estimators.features import TARGET
from stream_rnn.estimators.recurrent import ALONE, Recurrent, checked, events_ahead
from stream_rnn.settings.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from datetime import datetime


class RecurrentForecaster(Recurrent, Forecaster):
    """What the forecasters have in common.

    Parameters
    ----------
    horizon
        Events ahead that are forecast directly, each by outputs of its own; those beyond are rolled out.

    Others are those of `stream_rnn.estimators.recurrent.Recurrent`.
    """

    _defaults = PRESETS["forecast"]

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
        **settings: Any,
    ) -> None:
        self.horizon = horizon
        super().__init__(hidden, window, learning_rate, text_width, key_field, time_field, end_field, seed, **settings)

    def learn_one(
        self,
        y: float | None,
        x: Mapping[Any, Any] | None = None,
        key: Hashable | None = None,
        time: float | datetime | None = None,
        end: bool = False,
    ) -> None:
        """Take one event and learn from it.

        Parameters
        ----------
        y
            The target's value; None or NaN where it is missing.
        x
            What else is seen at this event: numbers, text, None or NaN where they are missing; a datetime is its time.
        key
            The stream.
        time
            Seconds since the Unix epoch, or a datetime.
        end
            Whether the stream's sequence ends with this event.

        Raises
        ------
        DataError
            For a value that is none.
        """
        self._learn({} if x is None else x, y, key, time, end)

    def forecast(
        self, horizon: int, xs: Sequence[Mapping[Any, Any]] | None = None, key: Hashable | None = None
    ) -> list[float]:
        """Return the target's values at each of the next events of a stream, and change nothing.

        Parameters
        ----------
        horizon
            How many events. Beyond the horizon that the forecaster was made with, each forecast is the next event's
            value.
        xs
            What is known of these events. Only the stream is read of it, where `key_field` names it: forecasts are made
            of what was seen until now.
        key
            The stream.

        Returns
        -------
        list of float
            0 before the stream's first event, and after a reset.

        Raises
        ------
        DataError
            For a horizon that is no whole number from 1 on, or another number of `xs`.
        """
        horizon = events_ahead(horizon)
        if xs is not None and (not isinstance(xs, Sequence) or len(xs) != horizon):
            got = f"{len(xs)}" if isinstance(xs, Sequence) else type(xs).__name__
            raise DataError(f"xs must be as many as the horizon's {horizon} events, got {got}")
        stream = self._asked(xs, key)
        engine = self._engine
        if engine is None or not engine.length(stream):
            return [0.0] * horizon
        made = self._points(engine.predict(stream))[:, 0].tolist()
        if horizon > len(made):
            made += self._points(engine.generate(stream, steps=horizon))[len(made) :, 0].tolist()
        return made[:horizon]

    def _asked(self, xs: Sequence[Mapping[Any, Any]] | None, key: Hashable | None) -> Hashable:
        if key is None:
            if self.key_field is None:
                return ALONE
            key = xs[0].get(self.key_field) if xs and hasattr(xs[0], "get") else None
        return checked(key)

    def _told(self) -> dict[str, Any]:
        return {"task": "forecast", "targets": TARGET, "horizon": self.horizon}

    def _columns(self) -> tuple[str, ...]:
        return (TARGET, *self._features.columns)

    def _inputs(self, targets: list[float], row: list[Any]) -> list[Any]:
        return targets + row


class RNNForecaster(RecurrentForecaster):
    """Forecaster with a simple recurrent network (Elman 1990).

    Forecasts begin from between the last value and the running mean. What they add to it is linear in the network's
    state, the inputs, their changes and the time of day, and learned by recursive least squares; the layer below it by
    truncated backpropagation through time.

    Parameters are those of `RecurrentForecaster`.

    Examples
    --------
    >>> from stream_rnn.estimators import RNNForecaster
    >>> model = RNNForecaster(horizon=3, hidden=8, seed=1)
    >>> for t in range(500):
    ...     model.learn_one(float(t % 7))
    >>> [round(value) for value in model.forecast(3)], 500 % 7
    ([3, 4, 5], 3)
    """

    _layer = "rnn"


class GRUForecaster(RecurrentForecaster):
    """Forecaster with gated recurrent units (Cho et al. 2014); else as `RNNForecaster`."""

    _layer = "gru"


class LSTMForecaster(RecurrentForecaster):
    """Forecaster with long short-term memory (Hochreiter & Schmidhuber 1997); else as `RNNForecaster`."""

    _layer = "lstm"


class LRUForecaster(RecurrentForecaster):
    """Forecaster with linear recurrent units (Orvieto et al. 2023), learned in real time; else as `RNNForecaster`."""

    _layer = "lru"


class ELSTMForecaster(RecurrentForecaster):
    """Forecaster with an element-wise LSTM (Irie et al. 2024), learned in real time; else as `RNNForecaster`."""

    _layer = "elstm"


class ColumnarGRUForecaster(RecurrentForecaster):
    """Forecaster with a GRU of columns (Javed et al. 2023), learned in real time; else as `RNNForecaster`."""

    _layer = "columnar_gru"
