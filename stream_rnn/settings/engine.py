"""The settings of an engine: one source for Python, TOML files and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from stream_rnn.settings.base import check_values, make_tuples
from stream_rnn.settings.fields import EngineFields
from stream_rnn.settings.presets import expand
from stream_rnn.settings.rules import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.layers import LayerName
    from stream_rnn.settings.fields import CycleName
    from stream_rnn.settings.presets import PresetName

    T = TypeVar("T")

    class Several(Generic[T]):
        """What a type checker sees: a tuple that may be given as a single value or as a list."""

        def __get__(self, obj: Any, owner: Any) -> tuple[T, ...]: ...
        def __set__(self, obj: Any, value: T | Sequence[T]) -> None: ...


SEVERAL = ("inputs", "targets", "layer", "hidden", "leak", "quantiles", "lags", "readout_lags", "calendar")
"""Settings that are tuples."""


class Settings(EngineFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine learns, and how. Every value is validated when the settings are made.

    Where a setting has several values, a list or a single value is accepted: ``hidden=32`` means ``hidden=(32,)``.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.

    Examples
    --------
    >>> settings = Settings(inputs=("load", "temperature"), targets="temperature", horizon=3, hidden=16)
    >>> settings.forecast_shape
    (3, 1)
    >>> Settings(inputs="load", horizon=0)
    Traceback (most recent call last):
    ...
    stream_rnn.errors.SettingError: horizon must be from 1 to 100000, got 0
    """

    if TYPE_CHECKING:
        inputs: Several[str]
        targets: Several[str] = ...  # type: ignore[assignment]
        layer: Several[LayerName] = ...  # type: ignore[assignment]
        hidden: Several[int] = ...  # type: ignore[assignment]
        leak: Several[float] = ...  # type: ignore[assignment]
        quantiles: Several[float] = ...  # type: ignore[assignment]
        lags: Several[int] = ...  # type: ignore[assignment]
        readout_lags: Several[int] = ...  # type: ignore[assignment]
        calendar: Several[CycleName] = ...  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        make_tuples(self, SEVERAL)
        check_values(self)
        check(self)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Return the settings of a mapping, such as a table of a TOML file; ``preset`` names settings to start from.

        Raises
        ------
        SettingError
            For an unknown name, with the nearest known one, a missing one, or a value that is not allowed.

        Examples
        --------
        >>> Settings.parse({"preset": "linear", "inputs": ["load"]}).readout
        'rls'
        """
        return super().parse(expand(values))

    @classmethod
    def preset(cls, name: PresetName, **changes: Any) -> Self:
        """Return the settings of a preset, with changes; ``inputs`` must be among them.

        Raises
        ------
        SettingError
            As `parse`.

        Examples
        --------
        >>> Settings.preset("forecast", inputs="load", horizon=24).layer
        ('columnar_gru',)
        """
        return cls.parse({"preset": name} | changes)
