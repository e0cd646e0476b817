"""Named columns: a data frame, a mapping of arrays or a structured array becomes a matrix, matched by name.

No library of data frames is imported: any object that returns its columns by name is a frame.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import DataError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def names_of(values: Any) -> list[Any] | None:
    """Return the names of the columns of pandas, polars, pyarrow, a mapping or a structured array; None without names.

    Raises
    ------
    DataError
        If it is a lazy frame, whose rows are not computed yet.

    Examples
    --------
    >>> names_of({"load": [1.0], "flow": [2.0]})
    ['load', 'flow']
    >>> names_of(np.zeros((1, 2))) is None
    True
    """
    if hasattr(values, "collect"):
        raise DataError(f"a {type(values).__name__} has no rows yet: collect it first")
    if isinstance(values, np.ndarray):
        return None if values.dtype.names is None else list(values.dtype.names)
    names = getattr(values, "column_names", None)  # pyarrow, whose `columns` are the columns themselves
    if names is None and hasattr(values, "__getitem__"):
        names = getattr(values, "columns", None)
    if names is None and hasattr(values, "keys") and not hasattr(values, "dtype"):  # a series of pandas has keys, too
        names = values.keys()
    return None if names is None else list(names)


def by_name(values: Any, names: Sequence[Any], wanted: Sequence[str], what: str) -> NDArray[np.float64]:
    """Return the wanted columns of named ones as (N, wanted), in that order; others are not read.

    Raises
    ------
    DataError
        If columns are missing, a name is not unique, a column is not of numbers, or columns differ in length.

    Examples
    --------
    >>> by_name({"flow": [2.0], "load": [1.0]}, ["flow", "load"], ("load", "flow"), "X")
    array([[1., 2.]])
    """
    if missing := [name for name in wanted if name not in names]:
        hint = nearest(missing[0], map(str, names)) if len(missing) == 1 else ""
        raise DataError(f"{what} has no column {', '.join(map(repr, missing))}{hint}")
    if twice := next((name for name in wanted if names.count(name) > 1), None):
        raise DataError(f"{what} has two columns {twice!r}")
    columns = [_numbers(values[name], name, what) for name in wanted]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in zip(wanted, columns, strict=True))
        raise DataError(f"columns of {what} must have one length, got {lengths}")
    return np.stack(columns, axis=1) if columns else np.empty((len(values), 0))


def _numbers(column: Any, name: str, what: str) -> NDArray[np.float64]:
    """Return a column as numbers (N,); None and missing values of any library are NaN."""
    try:
        if hasattr(column, "to_numpy") and hasattr(column, "isna"):  # pandas, where a missing value may be NA
            found = column.to_numpy(dtype=np.float64, na_value=math.nan)
        else:
            found = np.asarray(column, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must consist of numbers, column {name!r} does not: {error}") from None
    if found.ndim != 1:
        raise DataError(f"column {name!r} of {what} must be of shape (N,), got {found.shape}")
    return found
