"""What every kind of settings checks alike: types, choices, finite numbers."""

from __future__ import annotations

import math
import typing
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from stream_rnn.errors import SettingError, nearest, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable


class Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings: typed, frozen, and checked when they are made."""

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Return the settings of a mapping, such as a table of a TOML file.

        Raises
        ------
        SettingError
            For an unknown name, with the nearest known one, one that is missing, or a value that is not allowed.
        """
        refuse_unknown(values, cls.__struct_fields__)
        for field in msgspec.structs.fields(cls):
            if field.required and field.name not in values:
                raise SettingError(f"{field.name} is required")
        return cls(**values)


def check_types(settings: msgspec.Struct) -> None:
    """Raise a SettingError for the first value that is not of its field's type.

    Settings made in Python are not checked by msgspec itself.
    """
    hints = typing.get_type_hints(type(settings))
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingError(f"{name} must be a finite number, got {value}")
        choices = _choices(hints[name])
        if isinstance(value, str) and choices and value not in choices:
            raise SettingError(f"{name} must be one of {', '.join(choices)}, got {value!r}{nearest(value, choices)}")
        try:
            msgspec.convert(value, hints[name], strict=True)
        except msgspec.ValidationError as error:
            raise SettingError(f"{name}: {str(error).lower()}, got {value!r}") from None


def make_tuples(settings: msgspec.Struct, names: Iterable[str]) -> None:
    """Let a list or a single value stand where a tuple is meant: ``hidden=32`` is ``hidden=(32,)``."""
    for name in names:
        value = getattr(settings, name)
        if not isinstance(value, tuple):
            several = tuple(value) if isinstance(value, list) else (value,)
            msgspec.structs.force_setattr(settings, name, several)


def _choices(hint: Any) -> tuple[str, ...]:
    """Return the strings that a type hint allows, if it says which; not those of the parts of a tuple."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return ()
    return tuple(choice for part in typing.get_args(hint) for choice in _choices(part))
