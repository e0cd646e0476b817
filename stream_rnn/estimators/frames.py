"""Data frames of pandas, and of what else narwhals knows, as many events; and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
from river.utils import dataframe

from stream_rnn.errors import DataError
from stream_rnn.estimators.features import Column, column

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

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
        If it is none.
    """

    def __init__(self, X: Any) -> None:
        try:
            self._frame = dataframe.into_frame(X)
        except TypeError:
            raise DataError(f"X must be a data frame, got {type(X).__name__}") from None
        self._kinds = dict(self._frame.schema)

    def __len__(self) -> int:
        return len(self._frame)

    def listed(self, name: Hashable) -> list[Any] | None:
        """Return the values of a column, or None if there is no such column."""
        return self._frame[name].to_list() if name in self._kinds else None

    @property
    def times(self) -> dict[Hashable, list[Any]]:
        """The columns that are times."""
        return {
            name: self._frame[name].to_list() for name, kind in self._kinds.items() if isinstance(kind, nw.Datetime)
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
            numbers = dataframe.to_numpy(self._frame.select(numeric))
            table = {name: Column(numbers[:, place], None) for place, name in enumerate(numeric)}
        else:
            table = {}
        return {name: table[name] if name in table else column(self._frame[name].to_list(), name) for name in names}

    def series(self, values: ArrayLike | Sequence[Any], name: str | None = None) -> Any:
        """Return a value for each row as a series of the frame's own kind, with its index."""
        return dataframe.to_native_series(values, name=name, like=self._frame)

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
    if hasattr(values, "tolist"):
        several = values.tolist()
    elif hasattr(values, "to_list"):
        several = values.to_list()
    elif isinstance(values, str) or not hasattr(values, "__len__"):
        raise DataError(f"{what} must be a series, an array or a list, got {type(values).__name__} {values!r}")
    else:
        several = list(values)
    if not isinstance(several, list) or len(several) != count:
        raise DataError(f"{what} must be as many as X's {count} rows, got {values!r}")
    return several
