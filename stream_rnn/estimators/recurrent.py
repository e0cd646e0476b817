"""Recurrent: base class of river's estimators over an engine."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from stream_rnn.engine.engine import Engine
from stream_rnn.engine.exclusive import exclusive
from stream_rnn.errors import SettingError
from stream_rnn.estimators.cells import complete_docstring
from stream_rnn.estimators.features import MAX_FEATURES
from stream_rnn.estimators.streaming import Streaming
from stream_rnn.evaluation.prequential import point_forecasts
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import NDArray

    from stream_rnn.layers import LayerName

RESERVED = ("inputs", "targets", "task", "classes", "layer", "preset")
"""Settings that the estimator sets from its class and its data."""


class Recurrent(Streaming[Engine]):
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
        super().__init__(text_width, key_field, time_field, end_field, seed, max_features, **settings)
        self._learning_rate = learning_rate
        self._outputs: dict[Hashable, int] = {}
        """Output of each target name or class, in the order of their appearance."""
        for name in (*RESERVED, *self._task_settings()):
            if name in settings:
                raise SettingError(f"{name} is set by the estimator and cannot be passed, got {settings[name]!r}")
        self._engine_settings(0 if seed is None else seed)

    @property
    def engine(self) -> Engine | None:
        """The engine that learns; None before the first event."""
        return self._model

    @property
    def learning_rate(self) -> float:
        """Step size of the optimizer; it may be changed while the estimator learns."""
        return self._learning_rate

    @learning_rate.setter
    @exclusive
    def learning_rate(self, value: float) -> None:
        before, self._learning_rate = self._learning_rate, value
        try:
            if self._model is None:
                self._engine_settings(0)
            else:
                self._update_model()
        except SettingError:
            self._learning_rate = before
            raise

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"learning_rate"}

    @abstractmethod
    def _task_settings(self) -> dict[str, Any]:
        """Return the settings of the task and of the targets that are known."""

    def _point_forecasts(self, forecasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one number per target: the middle quantile or the mean where a loss has several outputs."""
        return forecasts if self._model is None else point_forecasts(self._model.settings)(forecasts)

    def _engine_settings(self, seed: int) -> Settings:
        """Return the engine's settings for the features and targets that are known."""
        own = {"hidden": self.hidden, "window": self.window, "learning_rate": self.learning_rate, "seed": seed}
        fixed = {"inputs": self._input_names(), "layer": self._layer} | self._task_settings()
        values = {**self._default_settings, **own, **self.settings, **fixed}
        return Settings.parse({name: _as_python(value) for name, value in values.items()})

    def _update_model(self) -> Engine:
        """Create the engine, or replace it by one that continues with the present features, targets and rates."""
        if self._model is None:
            seed = secrets.randbits(32) if self.seed is None else self.seed
            self._model = Engine(self._engine_settings(seed))
        else:
            self._model = self._model.with_settings(self._engine_settings(self._model.settings.seed))
        return self._model


def _as_python(value: Any) -> Any:
    """Return a number of numpy, such as grids of parameters contain, as Python's."""
    return value.item() if isinstance(value, np.generic) else value
