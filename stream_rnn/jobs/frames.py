"""Data frames of pandas, polars, pyarrow and others become tables of Arrow, and tables become such frames again.

Tables and files follow the same rules for times, numbers, words and missing values.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.columns import names_of
from stream_rnn.errors import DataError, require

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    import pyarrow as pa
else:
    nw, pa = require("narwhals.stable.v2", "files"), require("pyarrow", "files")

MAX_ZONES_LISTED = 3


class FrameKind(NamedTuple):
    """The library of a data frame."""

    backend: Any
    """as narwhals names it"""

    def frame(self, table: pa.Table) -> Any:
        """Return a table as a frame of this library.

        Examples
        --------
        >>> FrameKind.of(pa.table({"x": [1]})).frame(pa.table({"y": [2]})).column_names
        ['y']
        """
        return nw.from_arrow(table, backend=self.backend).to_native()

    @staticmethod
    def of(frame: Any) -> FrameKind:
        """Return the library of a frame.

        Raises
        ------
        DataError
            If it is no data frame, or one that is not computed yet.
        """
        return FrameKind(_narwhals(frame).implementation)


def to_table(frame: Any) -> pa.Table:
    """Return a data frame as a table; the index of pandas is a column if it has names or times.

    Raises
    ------
    DataError
        If it is no data frame, has no rows, two columns of one name, or times of several zones in a column.

    Examples
    --------
    >>> import pandas as pd
    >>> to_table(pd.DataFrame({"x": [1.5, "warm"]}))["x"].to_pylist()
    ['1.5', 'warm']
    """
    names = names_of(frame) or []
    if twice := next((name for place, name in enumerate(names) if name in names[:place]), None):
        raise DataError(f"df has two columns {twice!r}: rename one of them")
    opened = _narwhals(frame)
    if not len(opened):
        raise DataError("df has no rows")
    return _from_pandas(frame) if opened.implementation.is_pandas() else opened.to_arrow()


def _narwhals(frame: Any) -> nw.DataFrame[Any]:
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        kind = type(frame).__name__
        raise DataError(f"df must be a data frame of pandas, polars or pyarrow, got {kind}") from None


def _from_pandas(frame: Any) -> pa.Table:
    index = frame.index
    if any(name is not None for name in index.names) or hasattr(index, "tz"):
        frame = frame.reset_index()
    columns = {str(name): frame[name] for name in frame.columns}
    return pa.table({name: _array(column, name) for name, column in columns.items()})


def _array(column: Any, name: str) -> pa.Array:
    """Return a column of pandas; values of several types are read as text."""
    if column.dtype != object:
        return pa.Array.from_pandas(column)
    values = column.to_numpy()
    missing = np.asarray(column.isna())
    present = values[~missing]
    if len(present) and isinstance(present[0], datetime):
        _check_zones(present, name)
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([None if gap else str(value) for gap, value in zip(missing, values, strict=True)], pa.string())


def _check_zones(values: Any, name: str) -> None:
    """Refuse times of several zones: Arrow would keep only the first zone."""
    zones = dict.fromkeys(str(value.tzinfo) for value in values if isinstance(value, datetime))
    if len(zones) > 1:
        listed = ", ".join(list(zones)[:MAX_ZONES_LISTED])
        raise DataError(
            f"column {name!r} has times of several time zones ({listed}): convert them to one, "
            f"as with pandas.to_datetime(df[{name!r}], utc=True)"
        )
