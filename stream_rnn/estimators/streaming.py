"""Streaming: base class of river's estimators over a model of many streams, an engine or a race.

An event's features become a row of the model's inputs; its stream and time are keywords, or fields of x. When new
features or targets appear, the model is replaced by one with more inputs or outputs, which continues from what was
learned.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from river import base

from stream_rnn.engine.conversions import number, seconds, weights
from stream_rnn.engine.exclusive import Idle, exclusive
from stream_rnn.errors import SettingError
from stream_rnn.estimators.arguments import check_key, find_time, is_count, parse_end
from stream_rnn.estimators.features import TARGET, Features
from stream_rnn.estimators.frame_events import DEFAULT_KEY, Fields

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.engine.engine import Engine
    from stream_rnn.race.race import Race

ModelT = TypeVar("ModelT", bound="Engine | Race")


class Streaming(base.Estimator, Generic[ModelT]):
    """An estimator that learns from dicts of features, one event at a time.

    Parameters
    ----------
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
        Other settings.
    """

    def __init__(
        self,
        text_width: int,
        key_field: Hashable | None,
        time_field: Hashable | None,
        end_field: Hashable | None,
        seed: int | None,
        max_features: int,
        **settings: Any,
    ) -> None:
        self.text_width = text_width
        self.key_field = key_field
        self.time_field = time_field
        self.end_field = end_field
        self.seed = seed
        self.max_features = max_features
        self.settings = {name: _for_clone(value) for name, value in settings.items()}
        self._features = Features(text_width, _check_fields(key_field, time_field, end_field), max_features)
        self._model: ModelT | None = None
        self._idle = Idle()
        for name, value in (("text_width", text_width), ("max_features", max_features)):
            if not is_count(value):
                raise SettingError(f"{name} must be an integer of at least 1, got {value!r}")

    @exclusive
    def reset(self, key: Hashable | None = None) -> None:
        """End a stream's sequence: its hidden state becomes zero; its scales and the weights stay.

        Parameters
        ----------
        key
            The stream; if omitted, that of events without a key.
        """
        if self._model is not None:
            self._model.reset(DEFAULT_KEY if key is None else key)

    @property
    def _fields(self) -> Fields:
        return Fields(self.key_field, self.time_field, self.end_field)

    @abstractmethod
    def _update_model(self) -> ModelT:
        """Create the model, or replace it by one that continues with the present features, targets and rates."""

    def _register_target(self, y: Any) -> tuple[bool, list[float]]:
        """Return whether the model needs another output for river's target `y`, and the model's targets for it."""
        return False, [number(y, TARGET, "y")]

    def _input_names(self) -> tuple[str, ...]:
        return tuple(self._features.columns)

    def _input_values(self, targets: list[float], row: list[Any]) -> list[Any]:  # noqa: ARG002 - forecasters need them
        """Return the model's inputs for an event's targets and features."""
        return row

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
    def _learn_event(self, x: Mapping[Any, Any], y: Any, key: Any, time: Any, end: bool, w: float = 1.0) -> None:
        """Learn from one event, once all of it has been checked."""
        if w != 1.0:
            weights([w])
        stream, row, time, is_complete = self._parse_event(x, key, time)
        end = parse_end(end) or (self.end_field is not None and parse_end(x.get(self.end_field)))
        model, (grows, targets) = self._model, self._register_target(y)
        if not is_complete and self._features.register(x, 0 if model is None else model.counts.events):
            grows = True
        if model is None or grows:
            model, row = self._update_model(), self._features.row(x)
        model.step(stream, self._input_values(targets, row), targets, time, end=end, w=w)

    @exclusive
    def _predict_event(self, x: Mapping[Any, Any], key: Any, time: Any) -> NDArray[np.float64] | None:
        """Return the model's forecast of a hypothetical event; None before the first event."""
        stream, row, time, _ = self._parse_event(x, key, time)
        return None if self._model is None else self._model.predict(stream, row, time)


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
