"""Row: one row of numbers, written from the values of a single event."""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from stream_rnn.engine.conversions import fill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Row:
    """A row of numbers with a name for each.

    A list or dictionary that has exactly one number for each name is packed into the memory of the row, at a third of
    the time of an assignment by numpy. All else goes through `conversions.fill`.

    Parameters
    ----------
    array
        The row (n,), C-contiguous.
    names
        Name of each number.
    known
        Names that values may have; those that are not in `names` are ignored.
    what
        What the values are called in messages.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.zeros(2)
    >>> Row(array, ("a", "b"), frozenset("ab"), "x").fill({"b": 2, "a": 1})
    >>> array
    array([1., 2.])
    """

    def __init__(self, array: NDArray[np.float64], names: tuple[str, ...], known: frozenset[str], what: str) -> None:
        self._array, self._names, self._known, self._what = array, names, known, what
        self._memory = array.data
        self._pack = struct.Struct(f"{len(names)}d").pack_into
        self._by_name = itemgetter(*names) if len(names) > 1 else lambda values: map(values.__getitem__, names)

    def fill(self, values: Any) -> None:
        """Write values, by name or in the order of the names, to the row; omitted ones are NaN.

        Raises
        ------
        DataError
            If a name is unknown, a value is not a number, or there are too many or too few.
        """
        kind = type(values)
        try:
            if kind is dict and len(values) == len(self._names):
                self._pack(self._memory, 0, *self._by_name(values))
                return
            if kind is list or kind is tuple:
                self._pack(self._memory, 0, *values)
                return
        except (KeyError, struct.error):
            pass  # a name is missing, a value is not a float, or there are too many or too few
        fill(self._array, values, self._names, self._known, self._what)
