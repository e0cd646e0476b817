"""Values that stand for a missing one, as the user names them: -999, 65535, n/a."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.connectors.decode import values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

log = logging.getLogger("stream_rnn")

EVERY_COLUMN = ""
"""Key of the values that stand for a missing one in every column."""
MIN_OTHERS = 5
"""A value is far out only beside this many distinct other ones."""
MIN_REPEATS = 2
FIRST_LOOK, WATCHED = 100, 1000
"""Events of a topic after which likely sentinels are looked for."""
FAR_OUT = 5.0
"""A likely sentinel is further from all other values than this many times their range; a typical one, just further."""
_LIMITS = frozenset(float(2**bits - 1) for bits in (15, 16, 31, 32)) | {-32768.0, -2147483648.0}


class MissingValues(NamedTuple):
    """The values that stand for a missing one in one column.

    Examples
    --------
    >>> missing = MissingValues.of({"": (-999.0, "n/a"), "temp": ("-99.9",)}, "temp")
    >>> missing.mask(np.array([20.5, -99.9, -999.0]))
    array([20.5,  nan,  nan])
    >>> missing.texts
    frozenset({'n/a'})
    """

    numbers: tuple[float, ...] = ()
    texts: frozenset[str] = frozenset()

    @staticmethod
    def of(named: Mapping[str, Iterable[str | float]], column: str) -> MissingValues:
        """Return the values that are named for a column, or for every column."""
        numbers: list[float] = []
        texts: list[str] = []
        for value in (*named.get(EVERY_COLUMN, ()), *named.get(column, ())):
            number = values.parse_number(value) if isinstance(value, str) else float(value)
            if number is None:
                texts.append(str(value).strip())
            else:
                numbers.append(number)
                with np.errstate(over="ignore"):
                    single = float(np.float32(number))
                if np.isfinite(single):
                    numbers.append(single)  # as a column of float32 has it
        return MissingValues(tuple(numbers), frozenset(texts))

    def mask(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers (N,) with NaN for those that stand for a missing one."""
        if not self.numbers:
            return numbers
        is_missing = np.isin(numbers, self.numbers)
        return np.where(is_missing, np.nan, numbers) if is_missing.any() else numbers

    def has(self, word: str) -> bool:
        """Return whether a word stands for a missing one."""
        return word in self.texts or (bool(self.numbers) and values.parse_number(word) in self.numbers)


def likely_sentinels(numbers: NDArray[np.float64]) -> list[float]:
    """Return the values that look like codes for a missing one: they are far out, and repeat exactly.

    Parameters
    ----------
    numbers
        (N,) the first values of a column; NaN is missing.

    Examples
    --------
    >>> likely_sentinels(np.array([20.1, 20.4, -999, 20.2, 19.8, -999, 20.0, 20.3]))
    [-999.0]
    >>> likely_sentinels(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 9.0, 9.0]))
    []
    """
    distinct, counts = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    repeats = {i for i in (0, len(distinct) - 1) if len(distinct) and counts[i] >= MIN_REPEATS}
    others = np.delete(distinct, sorted(repeats))
    if len(others) < MIN_OTHERS:
        return []
    low, high = float(others[0]), float(others[-1])
    found = []
    for i in sorted(repeats):
        value = float(distinct[i])
        factor = 1.0 if _is_typical(value) else FAR_OUT
        if max(low - value, value - high) > factor * (high - low):
            found.append(value)
    return found


def sentinel_warning(source: str, column: str, found: Sequence[float]) -> str:
    """Return the warning of likely codes for a missing value, with the option that names them."""
    return (
        f"{source}: column {column!r} has {' and '.join(f'{code:g}' for code in found)}, far from all other values: if "
        f"this stands for a missing value, set missing_values, as with --missing-values {column}={found[0]:g}"
    )


class SentinelWatch:
    """Logs which columns of the first events of a topic have likely codes for a missing value, each once.

    Parameters
    ----------
    columns
        Columns of numbers.
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self._first: dict[str, list[NDArray[np.float64]]] = {name: [] for name in columns}
        self._count = 0
        self._next = FIRST_LOOK

    def add(self, source: str, columns: Mapping[str, NDArray[Any]], count: int) -> None:
        """Look at N events of a topic, named as a source, if they are among the first ones."""
        if self._count >= WATCHED or not count:
            return
        self._count += count
        for name, parts in self._first.items():
            parts.append(columns[name])
        if self._count < self._next:
            return
        self._next = WATCHED
        for name, parts in list(self._first.items()):
            if found := likely_sentinels(np.concatenate(parts)):
                log.warning("%s", sentinel_warning(source, name, found))
                del self._first[name]
        if self._count >= WATCHED:
            self._first.clear()


def _is_typical(value: float) -> bool:
    """Return whether a value consists of nines, such as -999 and 99.9, or is the limit of a type of integers."""
    digits = f"{abs(value):.10g}".replace(".", "")
    return value in _LIMITS or (len(digits) > 1 and set(digits) == {"9"})
