"""Recurrent: what river's estimators over an engine have in common.

An event's features become a row of the engine's inputs, its keywords or fields say which stream it is of and when, and
the engine does the rest. Where new features or targets show up, the engine goes on as one with more inputs or outputs.
"""

from __future__ import annotations

import math
import secrets
from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from river import base

from stream_rnn.engine.conversions import number, seconds
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import DataError, SettingError
from stream_rnn.estimators.features import TARGET, Features
from stream_rnn.evaluation.prequential import point_forecasts
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

ALONE = "stream"
"""The stream of events that come without a key."""

TOLD = ("inputs", "targets", "task", "classes", "layer", "preset")
"""Settings that the estimator and its data tell."""


class Recurrent(base.Estimator):
    """A recurrent network that learns from dicts of features, one event at a time.

    Parameters
    ----------
    hidden
        Units of the layer, or of each layer of several.
    window
        Events that an error is carried back through; cells that learn in real time have no need of it.
    learning_rate
        Step size of the optimizer.
    text_width
        Inputs of each text feature: the signs that a hash gives its words.
    key_field, time_field, end_field
        Features that say which stream an event is of, when it was, and whether its sequence ends with it, where these
        do not come as keywords.
    seed
        Of the initial weights; None draws one.
    **settings
        Any others of `stream_rnn.Settings`.

    Raises
    ------
    SettingError
        For a setting that is unknown, not allowed, or told by the data.
    """

    _layer: ClassVar[str]
    """The layer that subclasses are of."""
    _defaults: ClassVar[Mapping[str, Any]]
    """Settings that stand where others are not said."""

    def __init__(
        self,
        hidden: int | tuple[int, ...] = 32,
        window: int = 16,
        learning_rate: float = 3e-3,
        text_width: int = 8,
        key_field: Hashable | None = None,
        time_field: Hashable | None = None,
        end_field: Hashable | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        self.hidden = hidden
        self.window = window
        self.text_width = text_width
        self.key_field = key_field
        self.time_field = time_field
        self.end_field = end_field
        self.seed = seed
        self.settings = {name: value or [] if value == () else value for name, value in settings.items()}
        self._learning_rate = learning_rate
        self._features = Features(text_width, _fields(key_field, time_field, end_field))
        self._outputs: dict[Hashable, int] = {}
        """Targets, or classes, that were met, and which of the engine's each is."""
        self._engine: Engine | None = None
        if isinstance(text_width, bool) or not isinstance(text_width, (int, np.integer)) or text_width < 1:
            raise SettingError(f"text_width must be a whole number from 1 on, got {text_width!r}")
        for name in (*TOLD, *self._told()):
            if name in settings:
                raise SettingError(f"{name} is told by the estimator and its data, got {settings[name]!r}")
        self._settings(0 if seed is None else seed)

    @property
    def engine(self) -> Engine | None:
        """The engine that learns; None before the first event."""
        return self._engine

    @property
    def learning_rate(self) -> float:
        """Step size of the optimizer; it may be changed while the estimator learns."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        before, self._learning_rate = self._learning_rate, value
        try:
            if self._engine is None:
                self._settings(0)
            else:
                self._adapt()
        except SettingError:
            self._learning_rate = before
            raise

    def reset(self, key: Hashable | None = None) -> None:
        """End a stream's sequence: its hidden state is zero, its scales and all that was learned stay.

        Parameters
        ----------
        key
            The stream; left out, that of events without a key.
        """
        if self._engine is not None:
            self._engine.reset(ALONE if key is None else key)

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"learning_rate"}

    @abstractmethod
    def _told(self) -> dict[str, Any]:
        """Return the settings of the task and its targets, as far as they are known."""

    def _meet(self, y: Any) -> tuple[bool, list[float]]:
        """Return whether a target of river's is new, which now has an output, and the engine's targets for it."""
        return False, [number(y, TARGET, "y")]

    def _points(self, made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return forecasts with one number for each target, where several tell of it the one that stands for all."""
        return made if self._engine is None else point_forecasts(self._engine.settings)(made)

    def _columns(self) -> tuple[str, ...]:
        """Return the names of the engine's inputs."""
        return tuple(self._features.columns)

    def _inputs(self, targets: list[float], row: list[Any]) -> list[Any]:  # noqa: ARG002 - forecasters see their targets
        """Return the engine's inputs for an event's targets and features."""
        return row

    def _settings(self, seed: int) -> Settings:
        """Return the engine's settings with the features and targets that are known."""
        said = {"hidden": self.hidden, "window": self.window, "learning_rate": self.learning_rate, "seed": seed}
        known = {"inputs": self._columns(), "layer": self._layer} | self._told()
        every = {**self._defaults, **said, **self.settings, **known}
        return Settings.parse({name: _plain(value) for name, value in every.items()})

    def _adapt(self) -> Engine:
        """Let the engine have the features and targets that are known, and return it."""
        if self._engine is None:
            seed = secrets.randbits(32) if self.seed is None else self.seed
            self._engine = Engine(self._settings(seed))
        else:
            self._engine = self._engine.with_settings(self._settings(self._engine.settings.seed))
        return self._engine

    def _event(self, x: Mapping[Any, Any], key: Any, time: Any) -> tuple[Hashable, list[Any], Any, bool]:
        """Return an event's stream, the features that are known, its time, and whether there is nothing but these."""
        row, plain = self._features.plain(x), True
        if row is None:
            row, plain = self._features.row(x), False
            if time is None and self.time_field is None:
                time = only_time(x)
        if time is None and self.time_field is not None:
            time = x.get(self.time_field)
        if key is None and self.key_field is None:
            stream: Hashable = ALONE
        else:
            stream = checked(x.get(self.key_field) if key is None else key)
        return stream, row, None if time is None else seconds(time), plain

    def _learn(self, x: Mapping[Any, Any], y: Any, key: Any, time: Any, end: bool) -> None:
        """Learn from one event, once all of it is known to fit."""
        stream, row, time, plain = self._event(x, key, time)
        end = flag(end) or (self.end_field is not None and flag(x.get(self.end_field)))
        engine, (new, targets) = self._engine, self._meet(y)
        if not plain and self._features.meet(x):
            new = True
        if engine is None or new:
            engine, row = self._adapt(), self._features.row(x)
        engine.step(stream, self._inputs(targets, row), targets, time, end=end)

    def _peek(self, x: Mapping[Any, Any], key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the engine's forecast of an event that might come; None before the first."""
        stream, row, time, _ = self._event(x, key, time)
        return None if self._engine is None else self._engine.predict(stream, row, time)


def missing(value: Any, what: str) -> bool:
    """Return whether a key or a class is missing: None, or what equals nothing, not even itself.

    Raises
    ------
    DataError
        If it can be none.
    """
    try:
        hash(value)
        return value is None or bool(value != value)  # noqa: PLR0124
    except TypeError:
        raise DataError(f"{what} must be hashable, and equal to itself, got {type(value).__name__} {value!r}") from None


def checked(key: Any) -> Hashable:
    """Return a stream's key, if it can be one."""
    if missing(key, "key"):
        raise DataError(f"key must tell the stream, got {key!r}")
    return key


def events_ahead(horizon: Any) -> int:
    """Return a number of events ahead, if it is one."""
    if isinstance(horizon, bool) or not isinstance(horizon, (int, np.integer)) or horizon < 1:
        raise DataError(f"horizon must be a whole number from 1 on, got {horizon!r}")
    return int(horizon)


def flag(end: Any) -> bool:
    """Return whether a sequence ends; what is missing says no.

    Raises
    ------
    DataError
        For text, and all else that does not say.
    """
    if end is None or isinstance(end, (bool, np.bool_)):
        return bool(end)
    if isinstance(end, (int, float, np.integer, np.floating)) and (end in {0, 1} or math.isnan(end)):
        return end == 1
    raise DataError(f"end must be true or false, got {type(end).__name__} {end!r}")


def _fields(*named: Hashable | None) -> list[Hashable]:
    """Return the fields that are named, each another feature."""
    fields = [field for field in named if field is not None]
    try:
        if len(set(fields)) == len(fields):
            return fields
    except TypeError:
        raise SettingError(f"key_field, time_field and end_field must be features' names, got {fields!r}") from None
    raise SettingError(f"key_field, time_field and end_field must be different, got {fields!r}")


def _plain(value: Any) -> Any:
    """Return a setting of numpy, as grids of them have, as Python's."""
    return value.item() if isinstance(value, np.generic) else value


def only_time(x: Mapping[Any, Any]) -> datetime | None:
    """Return the time among the features of an event, None if there is none."""
    times = [name for name, value in x.items() if isinstance(value, datetime)]
    return x[one_of(times)] if times else None


def one_of(times: list[Any]) -> Any:
    """Return the one feature that is a time."""
    if len(times) > 1:
        raise DataError(f"time_field must say which of {', '.join(map(repr, times))} is the event's time")
    return times[0]
