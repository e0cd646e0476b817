"""The settings of a struct as fields with a type, a default and a description, for options and for job files."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Literal, NamedTuple

import msgspec


class Field(NamedTuple):
    """A setting as a user sees it."""

    name: str
    type: Any
    """bool, int, float, str or a Literal"""
    is_list: bool
    """whether it accepts several values of this type"""
    default: Any
    """NODEFAULT if it is required"""
    help: str
    by_column: bool = False
    """whether it also accepts a table of such values by column"""

    @property
    def option(self) -> str:
        """Name of the command line option."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """Allowed values; empty if any value is allowed."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else ()

    @property
    def is_unset(self) -> bool:
        """Whether there is no default value to show."""
        return self.default is msgspec.NODEFAULT or self.default in (None, ())


def fields_of(struct: type[msgspec.Struct]) -> list[Field]:
    """Return the settings of a struct in order: its own, those it shares with others, and those that are tables.

    Examples
    --------
    >>> from stream_rnn.settings.race import RaceSettings
    >>> field = fields_of(RaceSettings)[0]
    >>> field.option, field.type, field.default
    ('--rate', <class 'float'>, 0.05)
    """
    hints = typing.get_type_hints(struct, include_extras=True)
    own = struct.__annotations__
    fields = sorted(msgspec.structs.fields(struct), key=lambda field: (_is_table(field), field.name not in own))
    return [_field(field, hints[field.name]) for field in fields]


def _is_table(field: msgspec.structs.FieldInfo) -> bool:
    return field.default_factory is dict


def _field(field: Any, hint: Any) -> Field:
    description = ""
    if typing.get_origin(hint) is Annotated:
        description = next((meta.description for meta in hint.__metadata__ if meta.description), "")
        hint = typing.get_args(hint)[0]
    by_column = any(typing.get_origin(part) is dict for part in typing.get_args(hint))
    # None if it may be unset; text where numbers may have units; a tuple where values may be by column
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    is_list = typing.get_origin(hint) is tuple
    element = str if by_column else _without_metadata(typing.get_args(hint)[0] if is_list else hint)
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Field(field.name, element, is_list, default, description, by_column=by_column)


def _without_metadata(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
