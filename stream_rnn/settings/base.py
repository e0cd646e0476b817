"""What all settings have in common: types, choices, bounds and finite numbers are checked when they are made."""

from __future__ import annotations

import math
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError, nearest, refuse_unknown
from stream_rnn.html import html_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
EVERY_COLUMN = "*"
"""Every column that a table by column does not name."""
Forgetting = Annotated[float, Meta(gt=0, le=1)]
"""The factor by which a memory is multiplied at each event; 1 forgets nothing."""
TimeZone = Annotated[
    str | None,
    Meta(
        description="Time zone whose clock the calendar inputs and, in jobs, times without an offset follow, such as "
        "Europe/Berlin. Default: UTC."
    ),
]


class Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings: typed, frozen, and validated when they are made; their repr shows what differs from the defaults."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._changed())})"

    def _repr_html_(self) -> str:
        return html_table(f"{type(self).__name__}: what differs from the defaults", self._changed())

    def _changed(self) -> list[tuple[str, Any]]:
        """Return the settings that differ from the defaults, by name."""
        values = ((field, getattr(self, field.name)) for field in msgspec.structs.fields(type(self)))
        return [(field.name, value) for field, value in values if value != field.default]

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Return the settings of a mapping, such as a table of a TOML file.

        Raises
        ------
        SettingError
            For an unknown name, with the nearest known one, a missing one, or a value that is not allowed.
        """
        refuse_unknown(values, cls.__struct_fields__)
        for field in msgspec.structs.fields(cls):
            if field.required and field.name not in values:
                raise SettingError(f"{field.name} is required")
        return cls(**values)

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain values that `parse` accepts; those that are None are left out."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value is not None}


def check_values(settings: msgspec.Struct) -> None:
    """Check each value against its field: type, choices, bounds. An integer where a float belongs becomes one.

    msgspec does not validate settings that are made in Python.

    Raises
    ------
    SettingError
        Naming the first setting that is wrong, its value and what is allowed.
    """
    hints = typing.get_type_hints(type(settings), include_extras=True)
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        for element in value if isinstance(value, tuple) else (value,):
            _check_element(name, element, hints[name])
        try:
            converted = msgspec.convert(value, hints[name], strict=True)
        except msgspec.ValidationError as error:
            raise SettingError(f"{name}: {str(error).lower()}, got {value!r}") from None
        msgspec.structs.force_setattr(settings, name, converted)


def check_paths(settings: msgspec.Struct, names: Iterable[str]) -> None:
    """Check that these settings, where they are set, can be names of files or folders.

    Raises
    ------
    SettingError
        For an empty name, as from an unset shell variable, and one with a NUL character.
    """
    for name in names:
        value = getattr(settings, name)
        for path in value if isinstance(value, tuple) else (value,):
            if path is not None and (not path or "\0" in path):
                raise SettingError(f"{name} must be the name of a file or folder, got {path!r}")


def check_text(name: str, text: str) -> None:
    """Check that a checkpoint can hold a text.

    Raises
    ------
    SettingError
        If it has a lone surrogate, which cannot be encoded.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingError(f"{name} must be valid Unicode text, got {text!r}") from None


def make_tuples(settings: msgspec.Struct, names: Iterable[str]) -> None:
    """Replace a list or a single value by a tuple: ``hidden=32`` means ``hidden=(32,)``."""
    for name in names:
        value = getattr(settings, name)
        if not isinstance(value, tuple):
            msgspec.structs.force_setattr(settings, name, tuple(value) if isinstance(value, list) else (value,))


def join_names(settings: msgspec.Struct, name: str) -> None:
    """Replace a list of columns by one text: ``time=["Date", "Time"]`` means ``time="Date+Time"``."""
    value = getattr(settings, name)
    if isinstance(value, list | tuple) and value and all(isinstance(part, str) for part in value):
        msgspec.structs.force_setattr(settings, name, "+".join(value))


def _check_element(name: str, value: Any, hint: Any) -> None:
    choices = choices_of(hint)
    if isinstance(value, str) and choices and value not in choices:
        raise SettingError(f"{name} must be one of {', '.join(choices)}, got {value!r}{nearest(value, choices)}")
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    if not _is_finite(value):
        got = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else value
        raise SettingError(f"{name} must be a finite number, got {got}")
    for meta in _metas(hint):
        low = meta.ge if meta.ge is not None else -math.inf
        high = meta.le if meta.le is not None else math.inf
        above = meta.gt is None or value > meta.gt
        below = meta.lt is None or value < meta.lt
        if not (low <= value <= high and above and below):
            raise SettingError(f"{name} must be {_words(meta)}, got {value}")


def _is_finite(value: float) -> bool:
    """Return whether a number is a finite float, or becomes one."""
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer
        return False


def choices_of(hint: Any) -> tuple[str, ...]:
    """Return the strings that a type hint allows, empty if any."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    return tuple(choice for part in typing.get_args(hint) for choice in choices_of(part))


def _metas(hint: Any) -> Iterator[Meta]:
    """Yield the metadata of a type hint and of what it consists of."""
    if isinstance(hint, Meta):
        yield hint
    for part in typing.get_args(hint):
        yield from _metas(part)
    if typing.get_origin(hint) is Annotated:
        for meta in hint.__metadata__:
            yield from _metas(meta)


def _words(meta: Meta) -> str:
    """Describe the bounds of a number."""
    if meta.ge is not None and meta.le is not None:
        return f"from {meta.ge} to {meta.le}"
    words = []
    if meta.ge is not None:
        words.append(f"at least {meta.ge}")
    if meta.gt is not None:
        words.append(f"above {meta.gt}")
    if meta.le is not None:
        words.append(f"at most {meta.le}")
    if meta.lt is not None:
        words.append(f"below {meta.lt}")
    return " and ".join(words)
