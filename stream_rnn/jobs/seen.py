"""Seen: which numbers of words have been the target of a processed event, however events are cut into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class Seen:
    """The numbers of the words that have been the target of an event.

    A word gets its number when it is read, which may be long before it is processed. A forecast names it only once it
    has been processed.

    Parameters
    ----------
    numbers
        Those at the start.

    Examples
    --------
    >>> seen = Seen()
    >>> seen.is_known(np.array([[1.0], [1.0], [np.nan]]), np.array([1.0, 2.0, np.nan])).tolist()
    [[False], [True], [False]]
    >>> seen.numbers
    [1, 2]
    """

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = set(numbers)

    @property
    def numbers(self) -> list[int]:
        """The numbers, ascending."""
        return sorted(self._numbers)

    def is_known(self, forecasts: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which forecast numbers (N, K) were the target (N,) of an event before; then add the targets."""
        count = len(forecasts)
        present = np.flatnonzero(np.isfinite(targets))
        found, rows = np.unique(targets[present].astype(np.intp), return_index=True)
        size = max(self._numbers | {*found.tolist()}, default=-1) + 2  # the last place is that of all others
        first = np.full(size, count)
        first[list(self._numbers)] = -1
        first[found] = np.minimum(first[found], present[rows])
        self._numbers.update(found.tolist())
        places = np.where(np.isfinite(forecasts), np.minimum(np.nan_to_num(forecasts), size - 1), size - 1)
        is_known: NDArray[np.bool_] = first[places.astype(np.intp)] < np.arange(count)[:, np.newaxis]
        return is_known
