"""Frame: a data frame of pandas, pyarrow or another library that narwhals supports, as the events of its rows.

Importing this module needs narwhals, which the extra ``files`` installs. Estimators import it when they first receive a
data frame, so that learning from dicts works without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stream_rnn.errors import DataError, require
from stream_rnn.estimators.features import Column, parse_column

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    import narwhals.stable.v2 as nw
    import pyarrow as pa
    from numpy.typing import ArrayLike
    from river.utils import dataframe
else:
    pa = require("pyarrow", "files")
    nw = require("narwhals.stable.v2", "files")
    dataframe = require("river.utils.dataframe", "files")


class Frame:
    """A data frame with one event per row.

    Parameters
    ----------
    X
        The frame.

    Raises
    ------
    DataError
        If `X` is not a data frame, or two of its columns have the same name.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = Frame(pd.DataFrame({"load": [1.0, 2.0], "state": ["on", None]}))
    >>> frame.column("state")
    ['on', None]
    >>> frame.features(exclude=frozenset())["load"].numbers
    array([1., 2.])
    """

    def __init__(self, X: Any) -> None:
        try:
            self._frame = dataframe.into_frame(X)
            self._types = dict(self._frame.schema)
        except TypeError:
            raise DataError(f"X must be a data frame, got {type(X).__name__}") from None
        except nw.exceptions.DuplicateError:
            raise DataError(f"X must not have two columns of the same name, got {list(X.columns)!r}") from None
        self._rows = len(self._frame)
        self._places = {name: place for place, name in enumerate(self._types)}

    @classmethod
    def of_rows(cls, values: Any) -> Self:
        """Return a frame without columns, with a row for each of some values.

        Raises
        ------
        DataError
            If they are not a series, an array or a list.
        """
        if not hasattr(values, "__len__") or isinstance(values, (str, bytes)):
            raise DataError(f"y must be a series, an array or a list, got {type(values).__name__}")
        frame = cls(pa.table({}))
        frame._rows = len(values)
        return frame

    def __len__(self) -> int:
        return self._rows

    def column(self, name: Hashable) -> list[Any] | None:
        """Return the values of a column, None where they are missing; None if there is no such column."""
        return _values(self._series(name)) if name in self._types else None

    @property
    def time_columns(self) -> dict[Hashable, list[Any]]:
        """The values of the columns that are times."""
        return {
            name: _values(self._series(name)) for name, kind in self._types.items() if isinstance(kind, nw.Datetime)
        }

    def features(self, exclude: frozenset[Hashable]) -> dict[Hashable, Column]:
        """Return the columns that are numbers or text, without those in `exclude`.

        Raises
        ------
        DataError
            For a value that is neither.
        """
        names = [
            name for name, kind in self._types.items() if name not in exclude and not isinstance(kind, nw.Datetime)
        ]
        numeric = [name for name in names if self._types[name].is_numeric() or self._types[name] == nw.Boolean]
        table: dict[Hashable, Column] = {}
        if numeric:
            is_all = len(numeric) == len(self._types)  # selecting all columns would take as long as a dozen events
            selected = self._frame if is_all else self._frame[:, [self._places[name] for name in numeric]]
            numbers = dataframe.to_numpy(selected)
            table = {name: Column(numbers[:, place], None) for place, name in enumerate(numeric)}
        return {
            name: table[name] if name in table else parse_column(_values(self._series(name)), name) for name in names
        }

    def row_values(self, values: Any, what: str) -> list[Any]:
        """Return the values of a series, an array or a list that has one value for each row of the frame.

        Raises
        ------
        DataError
            If it is none of these, or has another number of values.
        """
        array = np.asarray(values) if hasattr(values, "__array__") else None
        if array is not None and array.ndim == 1 and array.dtype.kind in "biuf":  # missing values are NaN
            result = array.tolist()
        elif isinstance(series := nw.from_native(values, series_only=True, pass_through=True), nw.Series):
            result = _values(series)
        elif hasattr(values, "tolist"):
            result = values.tolist()
        elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
            result = list(values)
        else:
            raise DataError(f"{what} must be a series, an array or a list, got {type(values).__name__}")
        if not isinstance(result, list) or len(result) != len(self):
            got = len(result) if isinstance(result, list) else "a single value"
            raise DataError(f"{what} must have one value for each of the {len(self)} rows of X, got {got}")
        return result

    def native_series(self, values: ArrayLike | Sequence[Any]) -> Any:
        """Return one value per row as a series of the frame's library, with the frame's index."""
        return dataframe.to_native_series(values, name=None, like=self._frame)

    def native_frame(self, columns: Mapping[Any, Any]) -> Any:
        """Return columns of one value per row as a frame of the same library, with the frame's index."""
        return dataframe.to_native_frame(columns, like=self._frame)

    def _series(self, name: Hashable) -> nw.Series[Any]:
        """Return a column by position, because column names of pandas need not be strings."""
        return self._frame[:, self._places[name]]


def _values(series: nw.Series[Any]) -> list[Any]:
    """Return a series' values, None where they are missing, whatever marks that in its library."""
    values: list[Any] = series.to_list()
    flags = series.is_null()
    return [None if flag else value for value, flag in zip(values, flags, strict=True)] if flags.any() else values
