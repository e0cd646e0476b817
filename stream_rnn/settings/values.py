"""Settings of the values of columns, which replays and live jobs share: missing values, and states."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import EVERY_COLUMN, make_tuples

MissingValue = str | float
MissingValues = Annotated[
    tuple[MissingValue, ...] | dict[str, tuple[MissingValue, ...]],
    Meta(
        description="Values that count as missing, besides empty ones: numbers such as -999, and texts such as n/a. A "
        'list for every column, or a table of lists by column, where "*" is every column; on the command line, value '
        "or column=value, separated by commas."
    ),
]
Categories = Annotated[
    tuple[str, ...],
    Meta(
        description="Columns of states, such as on and off, that are inputs: one input for each state, in order of "
        "appearance, such as valve#1, valve#2, and valve#other for those beyond max_categories."
    ),
]
MaxCategories = Annotated[
    Annotated[int, Meta(ge=1, le=1000)],
    Meta(description="States of a column in categories that have an input of their own; all others share one."),
]
TextTokens = Annotated[
    Literal["id", "word", "character"],
    Meta(
        description="What the input of an embedding layer is. id: a number. word, character: text; each of its words "
        "or characters is an event with the key and time of its record. They are numbered as they appear, up to "
        "vocabulary."
    ),
]
MAX_BITS = 1023
"""Most bits of an integer: a float can represent the magnitude of any that has no more."""


def missing_by_column(values: MissingValues) -> dict[str, tuple[MissingValue, ...]]:
    """Return values that count as missing by column, those of every column under ``""``.

    Examples
    --------
    >>> missing_by_column((-999.0, "n/a"))
    {'': (-999.0, 'n/a')}
    >>> missing_by_column({"*": (-999.0,), "temp": ("-",)})
    {'': (-999.0,), 'temp': ('-',)}
    """
    table = values if isinstance(values, dict) else {EVERY_COLUMN: values}
    return {"" if name == EVERY_COLUMN else name: some for name, some in table.items() if some}


def prepare_columns(settings: msgspec.Struct) -> None:
    """Replace single values and lists of a job's settings of columns by tuples.

    Raises
    ------
    SettingError
        If a value that counts as missing is neither a number nor a text.
    """
    make_tuples(settings, ("categories",))
    values: Any = getattr(settings, "missing_values")  # noqa: B009 - of either kind of job
    table = values if isinstance(values, dict) else {EVERY_COLUMN: values}
    lists = {name: tuple(some) if isinstance(some, (list, tuple)) else (some,) for name, some in table.items()}
    for some in lists.values():
        for value in some:
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise SettingError(f"missing_values must be numbers and texts, got {value!r}")
            if isinstance(value, int) and value.bit_length() > MAX_BITS:
                raise SettingError(
                    f"missing_values must be finite numbers, got an integer of {value.bit_length()} bits"
                )
    prepared = {name: tuple(v if isinstance(v, str) else float(v) for v in some) for name, some in lists.items()}
    msgspec.structs.force_setattr(
        settings, "missing_values", prepared if isinstance(values, dict) else prepared[EVERY_COLUMN]
    )


def check_categories(settings: msgspec.Struct, names: tuple[str, ...]) -> None:
    """Check that columns of states are distinct, and have no other role.

    Raises
    ------
    SettingError
        Naming the first column that is repeated or has another role.
    """
    categories: tuple[str, ...] = getattr(settings, "categories")  # noqa: B009 - of either kind of job
    for name in categories:
        if categories.count(name) > 1:
            raise SettingError(f"categories must be distinct, got {name!r} twice")
        roles = [role for role in names if getattr(settings, role) == name]
        if roles:
            raise SettingError(f"categories must not have the column of {roles[0]}, got {name!r}")
