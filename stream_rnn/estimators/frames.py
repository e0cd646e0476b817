"""Data frames of pandas, and of what else narwhals knows, as many events; and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
from river.utils import dataframe

from stream_rnn.errors import DataError
from stream_rnn.estimators.features import Column, column

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from numpy.typing import ArrayLike


class Frame:
    """A data frame of events, a row each.

    Parameters
    ----------
    X
        The frame.

    Raises
    ------
    DataError
        If it is none, or has two columns of one name.
    """

    def __init__(self, X: Any) -> None:
        try:
            self._frame = dataframe.into_frame(X)
            self._kinds = dict(self._frame.schema)
        except TypeError:
            raise DataError(f"X must be a data frame, got {type(X).__name__}") from None
        except nw.exceptions.DuplicateError:
            raise DataError(f"X must have columns of different names, got {list(X.columns)!r}") from None
        self._places = {name: place for place, name in enumerate(self._kinds)}

    def __len__(self) -> int:
        return len(self._frame)

    def listed(self, name: Hashable) -> list[Any] | None:
        """Return the values of a column, None where they are missing, or None if there is no such column."""
        return _values(self._series(name)) if name in self._kinds else None

    @property
    def times(self) -> dict[Hashable, list[Any]]:
        """The columns that are times."""
        return {
            name: _values(self._series(name)) for name, kind in self._kinds.items() if isinstance(kind, nw.Datetime)
        }

    def features(self, besides: frozenset[Hashable]) -> dict[Hashable, Column]:
        """Return the columns that are numbers or text, but for some.

        Raises
        ------
        DataError
            For a value that is neither.
        """
        names = [
            name for name, kind in self._kinds.items() if name not in besides and not isinstance(kind, nw.Datetime)
        ]
        numeric = [name for name in names if self._kinds[name].is_numeric() or self._kinds[name] == nw.Boolean]
        if numeric:
            every = len(numeric) == len(self._kinds)  # to pick all of them takes as long as a dozen events
            picked = self._frame if every else self._frame[:, [self._places[name] for name in numeric]]
            numbers = dataframe.to_numpy(picked)
            table = {name: Column(numbers[:, place], None) for place, name in enumerate(numeric)}
        else:
            table = {}
        return {name: table[name] if name in table else column(_values(self._series(name)), name) for name in names}

    def _series(self, name: Hashable) -> nw.Series[Any]:
        """Return a column by its place: the names of pandas may be no text."""
        return self._frame[:, self._places[name]]

    def series(self, values: ArrayLike | Sequence[Any]) -> Any:
        """Return a value for each row as a series of the frame's own kind, with its index."""
        return dataframe.to_native_series(values, name=None, like=self._frame)

    def frame(self, columns: Mapping[Any, Any]) -> Any:
        """Return columns of a value for each row as a frame of the same kind, with its index."""
        return dataframe.to_native_frame(columns, like=self._frame)


def listed(values: Any, what: str, count: int) -> list[Any]:
    """Return a series', array's or list's values, as many as there are rows.

    Raises
    ------
    DataError
        If there are not as many, or it is none of these.
    """
    array = np.asarray(values) if hasattr(values, "__array__") else None
    if array is not None and array.ndim == 1 and array.dtype.kind in "biuf":  # what is missing is NaN
        several = array.tolist()
    elif isinstance(series := nw.from_native(values, series_only=True, pass_through=True), nw.Series):
        several = _values(series)
    elif hasattr(values, "tolist"):
        several = values.tolist()
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        several = list(values)
    else:
        raise DataError(f"{what} must be a series, an array or a list, got {type(values).__name__}")
    if not isinstance(several, list) or len(several) != count:
        got = len(several) if isinstance(several, list) else "one value"
        raise DataError(f"{what} must be as many as X's {count} rows, got {got}")
    return several


def _values(series: nw.Series[Any]) -> list[Any]:
    """Return a series' values, None where they are missing, whatever its library has for that."""
    values: list[Any] = series.to_list()
    missing = series.is_null()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)] if missing.any() else values
