"""Recurrent: base class of river's estimators over an engine.

An event's features become a row of the engine's inputs; its stream and time are keywords, or fields of x. When new
features or targets appear, the engine is replaced by one with more inputs or outputs, which continues from what was
learned.
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from river import base

from stream_rnn.engine.conversions import number, seconds
from stream_rnn.engine.engine import Engine
from stream_rnn.engine.exclusive import Idle, exclusive
from stream_rnn.errors import SettingError
from stream_rnn.estimators.arguments import check_key, find_time, is_count, parse_end
from stream_rnn.estimators.cells import complete_docstring
from stream_rnn.estimators.features import MAX_FEATURES, TARGET, Features
from stream_rnn.evaluation.prequential import point_forecasts
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

    from stream_rnn.layers import LayerName

DEFAULT_KEY = "stream"
"""Key of the stream of events that come without a key."""

RESERVED = ("inputs", "targets", "task", "classes", "layer", "preset")
"""Settings that the estimator sets from its class and its data."""


class Recurrent(base.Estimator):
    """A recurrent network that learns from dicts of features, one event at a time.

    Parameters
    ----------
    hidden
        Units of the layer; a tuple for several layers.
    window
        Events through which an error is backpropagated; cells with real-time recurrent learning do not need it.
    learning_rate
        Step size of the optimizer.
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
        Other settings of `stream_rnn.Settings`.

    Raises
    ------
    SettingError
        If a setting is unknown, not allowed, or set by the estimator itself.
    """

    _layer: ClassVar[LayerName]
    _default_settings: ClassVar[Mapping[str, Any]]
    """Settings of the kind of estimator, which the user's override."""

    def __init_subclass__(cls, layer: LayerName | None = None, **keywords: Any) -> None:
        """Set the layer of a class for one cell, and complete its docstring; see `estimators.cells`."""
        super().__init_subclass__(**keywords)
        if layer is not None:
            cls._layer = layer
            bases = [each for each in cls.__mro__[1:] if issubclass(each, Recurrent)]
            cls.__doc__ = complete_docstring(cls, layer, bases)

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
        max_features: int = MAX_FEATURES,
        **settings: Any,
    ) -> None:
        self.hidden = hidden
        self.window = window
        self.text_width = text_width
        self.key_field = key_field
        self.time_field = time_field
        self.end_field = end_field
        self.seed = seed
        self.max_features = max_features
        self.settings = {name: _for_clone(value) for name, value in settings.items()}
        self._learning_rate = learning_rate
        self._features = Features(text_width, _check_fields(key_field, time_field, end_field), max_features)
        self._outputs: dict[Hashable, int] = {}
        """Output of each target name or class, in the order of their appearance."""
        self._engine: Engine | None = None
        self._idle = Idle()
        for name, value in (("text_width", text_width), ("max_features", max_features)):
            if not is_count(value):
                raise SettingError(f"{name} must be an integer of at least 1, got {value!r}")
        for name in (*RESERVED, *self._task_settings()):
            if name in settings:
                raise SettingError(f"{name} is set by the estimator and cannot be passed, got {settings[name]!r}")
        self._engine_settings(0 if seed is None else seed)

    @property
    def engine(self) -> Engine | None:
        """The engine that learns; None before the first event."""
        return self._engine

    @property
    def learning_rate(self) -> float:
        """Step size of the optimizer; it may be changed while the estimator learns."""
        return self._learning_rate

    @learning_rate.setter
    @exclusive
    def learning_rate(self, value: float) -> None:
        before, self._learning_rate = self._learning_rate, value
        try:
            if self._engine is None:
                self._engine_settings(0)
            else:
                self._update_engine()
        except SettingError:
            self._learning_rate = before
            raise

    @exclusive
    def reset(self, key: Hashable | None = None) -> None:
        """End a stream's sequence: its hidden state becomes zero; its scales and the weights stay.

        Parameters
        ----------
        key
            The stream; if omitted, that of events without a key.
        """
        if self._engine is not None:
            self._engine.reset(DEFAULT_KEY if key is None else key)

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"learning_rate"}

    @abstractmethod
    def _task_settings(self) -> dict[str, Any]:
        """Return the settings of the task and of the targets that are known."""

    def _register_target(self, y: Any) -> tuple[bool, list[float]]:
        """Return whether the engine needs another output for river's target `y`, and the engine's targets for it."""
        return False, [number(y, TARGET, "y")]

    def _point_forecasts(self, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one number per target: the middle quantile or the mean where a loss has several outputs."""
        return forecasts if self._engine is None else point_forecasts(self._engine.settings)(forecasts)

    def _input_names(self) -> tuple[str, ...]:
        return tuple(self._features.columns)

    def _input_values(self, targets: list[float], row: list[Any]) -> list[Any]:  # noqa: ARG002 - forecasters need them
        """Return the engine's inputs for an event's targets and features."""
        return row

    def _engine_settings(self, seed: int) -> Settings:
        """Return the engine's settings for the features and targets that are known."""
        own = {"hidden": self.hidden, "window": self.window, "learning_rate": self.learning_rate, "seed": seed}
        fixed = {"inputs": self._input_names(), "layer": self._layer} | self._task_settings()
        values = {**self._default_settings, **own, **self.settings, **fixed}
        return Settings.parse({name: _as_python(value) for name, value in values.items()})

    def _update_engine(self) -> Engine:
        """Create the engine, or replace it by one that continues with the present features, targets and rates."""
        if self._engine is None:
            seed = secrets.randbits(32) if self.seed is None else self.seed
            self._engine = Engine(self._engine_settings(seed))
        else:
            self._engine = self._engine.with_settings(self._engine_settings(self._engine.settings.seed))
        return self._engine

    def _parse_event(self, x: Mapping[Any, Any], key: Any, time: Any) -> tuple[Hashable, list[Any], Any, bool]:
        """Return an event's key, the row of its known features, its time, and whether it surely has no others."""
        row, is_complete = self._features.fast_row(x), True
        if row is None:
            row, is_complete = self._features.row(x), False
            if time is None and self.time_field is None:
                time = find_time(x)
        if time is None and self.time_field is not None:
            time = x.get(self.time_field)
        if key is None and self.key_field is None:
            stream: Hashable = DEFAULT_KEY
        else:
            stream = check_key(x.get(self.key_field) if key is None else key)
        return stream, row, None if time is None else seconds(time), is_complete

    @exclusive
    def _learn_event(self, x: Mapping[Any, Any], y: Any, key: Any, time: Any, end: bool) -> None:
        """Learn from one event, once all of it has been checked."""
        stream, row, time, is_complete = self._parse_event(x, key, time)
        end = parse_end(end) or (self.end_field is not None and parse_end(x.get(self.end_field)))
        engine, (grows, targets) = self._engine, self._register_target(y)
        if not is_complete and self._features.register(x, 0 if engine is None else engine.counts.events):
            grows = True
        if engine is None or grows:
            engine, row = self._update_engine(), self._features.row(x)
        engine.step(stream, self._input_values(targets, row), targets, time, end=end)

    @exclusive
    def _predict_event(self, x: Mapping[Any, Any], key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the engine's forecast of a hypothetical event; None before the first event."""
        stream, row, time, _ = self._parse_event(x, key, time)
        return None if self._engine is None else self._engine.predict(stream, row, time)


def _check_fields(*fields: Hashable | None) -> list[Hashable]:
    """Return the names that are set, if they are different and can be names."""
    names = [field for field in fields if field is not None]
    try:
        if len(set(names)) == len(names):
            return names
    except TypeError:
        raise SettingError(f"key_field, time_field and end_field must be names of features, got {names!r}") from None
    raise SettingError(f"key_field, time_field and end_field must be different, got {names!r}")


def _for_clone(value: Any) -> Any:
    """Return a setting, an empty tuple as a list: river's `clone` reads the first element of every tuple."""
    return [] if isinstance(value, tuple) and not value else value


def _as_python(value: Any) -> Any:
    """Return a number of numpy, such as grids of parameters contain, as Python's."""
    return value.item() if isinstance(value, np.generic) else value
