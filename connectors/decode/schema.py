"""Which column is what: told by settings, or recognised in the first records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.errors import ConnectorError, UsageError, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

TIME_NAMES = ("time", "timestamp", "date", "datetime", "ts")
TIME_FORMATS = ("auto", "iso", "s", "ms")
SAMPLE = 1000  # records looked at to tell numbers from text

# A column is numeric when at least this share of what is filled in reads as numbers: a garbled record among
# the first must not cost the whole column, and a column of names with an odd "12" among them is still text.
_NUMERIC_FROM = 0.5


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which column of a source is what.

    Parameters
    ----------
    key : str, optional
        Column that names the stream of each event. Without it all events are of the one stream `""`.
    time : str, optional
        Column with the time. Without it, the first column called time, timestamp, date, datetime or ts (in
        any case) whose values read as times; `""` reads no time.
    end : str, optional
        Column that is true at the last event of a sequence.
    columns : tuple of str
        The inputs, in this order; none given means every numeric column, in the file's order.
    time_format : {"auto", "iso", "s", "ms"}
        ISO 8601 (UTC where no offset stands) or seconds or milliseconds since 1970. `"auto"` recognises each
        value: a number from 1e11 on is milliseconds.

    Raises
    ------
    UsageError
        When one column is given two roles, or the time format is none of the above.
    """

    key: str | None = None
    time: str | None = None
    end: str | None = None
    columns: tuple[str, ...] = ()
    time_format: Literal["auto", "iso", "s", "ms"] = "auto"

    def __post_init__(self) -> None:
        if self.time_format not in TIME_FORMATS:
            raise UsageError(f"time_format must be one of {', '.join(TIME_FORMATS)}, got {self.time_format!r}")
        roles: dict[str, str] = {}
        named = [("key", self.key), ("time", self.time), ("end", self.end)]
        for role, name in [*named, *(("input", name) for name in self.columns)]:
            if not name:
                continue
            if name in roles:
                raise UsageError(f"column {name!r} cannot be {roles[name]} and {role} at once")
            roles[name] = role


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column of a source is, once its first records have been seen.

    Parameters
    ----------
    key, time, end : str or None
        Column of that role.
    columns : tuple of str
        Numeric inputs.
    time_format : str
        As in `Schema`.
    numeric_time : bool
        Whether the sampled times are numbers: says which way of reading is tried first, never what is
        accepted.
    ignored : dict of str to str
        Columns that are not read, each with the reason.
    """

    key: str | None
    time: str | None
    end: str | None
    columns: tuple[str, ...]
    time_format: str = "auto"
    numeric_time: bool = False
    ignored: dict[str, str] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """All columns that must be read."""
        return (*(name for name in (self.key, self.time, self.end) if name is not None), *self.columns)


def resolve(schema: Schema, path: str, sample: Mapping[str, pa.Array]) -> Roles:
    """Decide what each column is from the settings and the first records.

    Parameters
    ----------
    schema : Schema
    path : str
        Named in errors.
    sample : dict of arrays
        The first values of every column, in the file's order: text, or Arrow's own types for Parquet.

    Raises
    ------
    ConnectorError
        When a named column is not there or an input is text, or no column is numeric.
    """
    require(schema, path, sample)
    time = schema.time if schema.time is not None else _find_time(schema, sample)
    time = time or None
    taken = {schema.key, time, schema.end}
    ignored: dict[str, str] = {}
    if schema.columns:
        for name in schema.columns:
            if (why := _not_numeric(sample[name], 0.0)) and not why.startswith("empty"):
                raise ConnectorError(f"{path}: column {name!r} is {why}, an input must be numbers")
        columns = schema.columns
    else:
        reasons = {name: _not_numeric(found, _NUMERIC_FROM) for name, found in sample.items() if name not in taken}
        ignored = {name: why if name else "without a name" for name, why in reasons.items() if why or not name}
        columns = tuple(name for name in reasons if name not in ignored)
    if not columns:
        raise ConnectorError(f"{path}: no numeric column{_listed(ignored)}")
    numeric_time = time is not None and bool(np.isfinite(_as_numbers(sample[time])[0]).any())
    return Roles(schema.key, time, schema.end, columns, schema.time_format, numeric_time, ignored)


def require(schema: Schema, path: str, names: Mapping[str, object]) -> None:
    """Refuse a file that lacks a named column.

    Raises
    ------
    ConnectorError
        Naming the file, the column and the nearest one there is.
    """
    for name in (schema.key, schema.time, schema.end, *schema.columns):
        if name and name not in names:
            raise ConnectorError(f"{path}: no column {name!r}{suggest(name, names)}")


def _find_time(schema: Schema, sample: Mapping[str, pa.Array]) -> str | None:
    for name, found in sample.items():
        spoken_for = name in (schema.key, schema.end, *schema.columns)
        if name.strip().lower() in TIME_NAMES and not spoken_for and _is_time(found, schema.time_format):
            return name
    return None


def _is_time(found: pa.Array, time_format: str) -> bool:
    """Tell whether most of what is filled in reads as times."""
    if pa.types.is_timestamp(found.type) or pa.types.is_date(found.type):
        return True
    if pa.types.is_integer(found.type) or pa.types.is_floating(found.type):
        return time_format != "iso"
    if not is_text(found.type):
        return False
    seconds, bad = values.times(found, time_format)
    return _mostly(np.isfinite(seconds), bad)


def _not_numeric(found: pa.Array, share: float) -> str:
    """Say why a column cannot be an input: empty when it can, as at least `share` of it reads as numbers."""
    kind = found.type
    if is_number(kind):
        return ""
    if pa.types.is_null(kind):
        return f"empty in the first {SAMPLE:,} records"
    if not is_text(kind):
        return f"of type {kind}"
    result, bad = _as_numbers(found)
    if _mostly(np.isfinite(result), bad, share):
        return ""
    if not bad.any():
        return f"empty in the first {SAMPLE:,} records"
    example = found[int(np.flatnonzero(bad)[0])].as_py()
    text = example.decode(errors="replace") if isinstance(example, bytes) else str(example)
    return f"text ({text[:20]!r})"


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values of this type are text that may read as something else."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Tell whether values of this type are numbers; true and false are 1 and 0."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def _as_numbers(found: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    if is_text(found.type):
        return values.numbers(found)
    if is_number(found.type):
        seen = pc.is_valid(found).to_numpy(zero_copy_only=False)
        return np.where(seen, 1.0, np.nan), np.zeros(len(found), dtype=np.bool_)
    return np.full(len(found), np.nan), np.ones(len(found), dtype=np.bool_)


def _mostly(good: np.ndarray, bad: np.ndarray, share: float = _NUMERIC_FROM) -> bool:
    return bool(good.any()) and bool(good.sum() >= share * (good.sum() + bad.sum()))


def _listed(ignored: Mapping[str, str]) -> str:
    shown = [f"{name!r} is {why}" for name, why in list(ignored.items())[:5]]
    return f"; {', '.join(shown)}" if shown else ""
