"""Conversion of values, times and keys as callers pass them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.engine.columns import by_name, names_of
from stream_rnn.errors import DataError, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from stream_rnn.engine.vocabulary import Vocabulary


def fill(row: NDArray[np.float64], values: Any, names: tuple[str, ...], known: frozenset[str], what: str) -> None:
    """Write values, by name or in the order of `names`, to `row`; omitted ones are NaN.

    Raises
    ------
    DataError
        If a name is not among those `known`, a value is not a number, or there are too many or too few.
    """
    if hasattr(values, "keys"):
        if not known.issuperset(values):
            wrong = next(name for name in values if name not in known)
            raise DataError(f"{what} has an unknown column {wrong!r}{nearest(str(wrong), sorted(known))}")
        values = [values.get(name, math.nan) for name in names]
    elif not hasattr(values, "__len__"):
        raise DataError(f"{what} must be a mapping or a sequence, got {type(values).__name__} {values!r}")
    elif len(values) != len(names):
        plural = "" if len(names) == 1 else "s"
        raise DataError(f"{what} must have {len(names)} value{plural} ({', '.join(names)}), got {len(values)}")
    try:
        row[:] = values
    except (TypeError, ValueError, OverflowError):
        row[:] = [number(value, name, what) for name, value in zip(names, values, strict=True)]


def number(value: Any, name: str, what: str) -> float:
    """Return a value as a number; None is missing.

    Raises
    ------
    DataError
        If it is not a number.
    """
    if value is None:
        return math.nan
    try:
        if not isinstance(value, (str, bytes)):  # float() would parse digits
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(f"{what} must consist of numbers, got {type(value).__name__} {value!r} for {name!r}")


def seconds(time: float | datetime) -> float:
    """Return a time in seconds since the Unix epoch; a datetime without a time zone is UTC.

    Raises
    ------
    DataError
        If it is not a time.

    Examples
    --------
    >>> from datetime import datetime
    >>> seconds(datetime(1970, 1, 2))
    86400.0
    """
    try:
        if isinstance(time, datetime):
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        return float(time)
    except (TypeError, ValueError):
        raise DataError(f"time must be seconds or a datetime, got {type(time).__name__} {time!r}") from None


def matrix(values: ArrayLike, names: tuple[str, ...], what: str) -> NDArray[np.float64]:
    """Return values of shape (N, names), or (N,) for one column, as (N, names); a frame's columns are matched by name.

    Raises
    ------
    DataError
        If they have another shape, lack a named column, or are not numbers.
    """
    columns = len(names)
    if (given := names_of(values)) is not None:
        return by_name(values, given, names, what)
    try:
        array = np.asarray(values)
        found = np.ascontiguousarray(array, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must consist of numbers: {error}") from None
    if array.dtype.kind in "SU":  # numpy parses digits, and tokens of digits would pass for ids
        raise DataError(f"{what} must consist of numbers, got text")
    if found.ndim == 1 and columns == 1:
        found = found[:, np.newaxis]
    if found.ndim != 2 or found.shape[1] != columns:
        raise DataError(f"{what} must be of shape (N, {columns}), got {found.shape}")
    return found


def times(values: ArrayLike | None, count: int) -> NDArray[np.float64]:
    """Return times in seconds since the Unix epoch (N,), NaN where there is none.

    Raises
    ------
    DataError
        If they are not times.
    """
    if values is None:
        return np.full(count, math.nan)
    array = np.asarray(values)
    if array.dtype.kind == "O" and hasattr(getattr(values, "dtype", None), "tz"):  # pandas' times of a time zone
        array = np.asarray(values, "datetime64[us]")
    if array.ndim != 1:
        raise DataError(f"times must be of shape ({count},), got {array.shape}")
    if array.dtype.kind == "M":
        return np.where(np.isnat(array), math.nan, array.astype("datetime64[us]").astype(np.int64) / 1e6)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"times must be seconds or datetime64, got {array.dtype}") from None


def weights(values: ArrayLike) -> NDArray[np.float64]:
    """Return the weights of events, (N,).

    Raises
    ------
    DataError
        If they have another shape, or one is not a finite number of at least 0.

    Examples
    --------
    >>> weights([1, 0.5]).tolist()
    [1.0, 0.5]
    """
    try:
        array = np.asarray(values)
        found = np.ascontiguousarray(array, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"w must consist of numbers: {error}") from None
    if found.ndim != 1 or array.dtype.kind in "SU":
        raise DataError(f"w must be numbers of shape (N,), got {array.dtype} of shape {found.shape}")
    if (wrong := ~(np.isfinite(found) & (found >= 0))).any():
        row = int(wrong.argmax())
        raise DataError(f"w must be finite and at least 0, got {found[row]:g} in event {row}")
    return found


def plain_keys(keys: Any) -> list[Any]:
    """Return keys as Python objects, so that numpy's 5 and Python's 5 are the same stream.

    Raises
    ------
    DataError
        If they are neither a sequence nor an array.
    """
    if not hasattr(keys, "__len__"):
        raise DataError(f"keys must be a string, an integer or a sequence, got {type(keys).__name__} {keys!r}")
    if hasattr(keys, "to_pylist"):  # of pyarrow
        return keys.to_pylist()
    return keys.tolist() if isinstance(keys, np.ndarray) else list(keys)


def are_whole(values: NDArray[np.float64], below: int) -> NDArray[np.bool_]:
    """Return which classes or ids are missing, or integers from 0 to below - 1."""
    fine: NDArray[np.bool_] = np.isnan(values) | ((values >= 0) & (values < below) & (values == np.floor(values)))
    return fine


def check_whole(values: NDArray[np.float64], below: int, what: str, names: tuple[str, ...]) -> None:
    """Check that classes or ids (N, D) are missing, or integers from 0 to below - 1.

    Raises
    ------
    DataError
        Naming the first that is neither.
    """
    if values.size == 1:  # numpy would take a third of a step's time
        value = float(values[0, 0])
        if math.isnan(value) or (0 <= value < below and value.is_integer()):
            return
    wrong = ~are_whole(values, below)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"{names[column]} must be {what} from 0 to {below - 1}, got {values[row, column]:g} in event {row}"
        )


def with_ids(values: Any, name: str, vocabulary: Vocabulary, *, learn: bool) -> Any:
    """Return the values, by name or alone, with the text of a column replaced by its id."""
    if hasattr(values, "keys"):
        token = values.get(name)
        return {**values, name: vocabulary.encode([token], learn=learn)[0]} if isinstance(token, str) else values
    sequence = [values] if isinstance(values, str) else values
    if hasattr(sequence, "__len__") and len(sequence) == 1 and isinstance(sequence[0], str):
        return vocabulary.encode(sequence, learn=learn)
    return sequence
