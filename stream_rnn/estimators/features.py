"""Which inputs of an engine each feature of river's dicts has.

Features come and go: one that is new gets columns after all others, and one that is not there is missing (NaN). A
number has one column. Text has several, its code: the words' hashes, whose bits count as 1 and -1, and their mean. That
is the hashing trick (Weinberger et al. 2009, arXiv:0902.2206) with many small random signs instead of one place of
many: any word is a vector of its own, any two are as good as orthogonal, and no list of words is kept.
"""

from __future__ import annotations

import math
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.engine.conversions import number
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

TARGET = "y"
"""The column of a target that has no name of its own."""

_NUMBERS = frozenset({float, int, bool})
"""Types that are numbers at first sight."""


def code(text: str, width: int) -> NDArray[np.float64]:
    """Return the code of a text (width,): the mean of its words' signs; 0 of no words."""
    words = text.split()
    if not words:
        return np.zeros(width)
    size = -(-width // 8)
    digests = b"".join(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=size).digest() for word in words)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8).reshape(len(words), size), axis=1)[:, :width]
    mean: NDArray[np.float64] = 2.0 * bits.mean(axis=0) - 1.0
    return mean


class Column(NamedTuple):
    """A feature as it was in many events: where it is a number, and where it is text."""

    numbers: NDArray[np.float64]
    """(N,) NaN where it is none"""
    texts: list[str | None] | None
    """(N,) None where it is none; None for all if it never is"""


class Features:
    """The columns of features, in the order of their appearance.

    Parameters
    ----------
    width
        Columns of each text.
    fields
        Features that are none: they say an event's stream, time or end.
    """

    def __init__(self, width: int, fields: Collection[Hashable]) -> None:
        self.columns: list[str] = []
        """Their names, each different."""
        self._width = width
        self.fields = frozenset(fields)
        """Features that are none."""
        self._numbers: dict[Hashable, int] = {}
        self._texts: dict[Hashable, int] = {}
        self._plain: tuple[Hashable, ...] | None = ()

    def plain(self, x: Mapping[Any, Any]) -> list[float] | None:
        """Return the columns' values of a dict that has numbers for all of them, and nothing else; of others, None."""
        names = self._plain
        try:
            if names is None or len(x) != len(names) + len(self.fields):
                return None
            row = [x[name] for name in names]
            fits = _NUMBERS.issuperset(map(type, row)) and x.keys() >= self.fields
            return list(map(float, row)) if fits else None
        except (KeyError, TypeError, AttributeError, OverflowError):  # other features, no dict, a number beyond all
            return None

    def row(self, x: Mapping[Any, Any]) -> list[float]:
        """Return the columns' values of a dict; features without a column are left out.

        Raises
        ------
        DataError
            For a value that is neither a number nor text, nor a time.
        """
        row = [math.nan] * len(self.columns)
        for name, value in self._of(x):
            if isinstance(value, str):
                first = self._texts.get(name)
                if first is not None:
                    row[first : first + self._width] = code(value, self._width)
                continue
            known = number(value, str(name), "x")
            place = self._numbers.get(name)
            if place is not None:
                row[place] = known
        return row

    def meet(self, x: Mapping[Any, Any]) -> bool:
        """Give columns to the features of a dict that are new and have a value; return whether there are any."""
        found = list(self._of(x))
        texts = [name for name, value in found if isinstance(value, str)]
        numbers = [
            name
            for name, value in found
            if not isinstance(value, str)
            and name not in self._numbers
            and not math.isnan(number(value, str(name), "x"))
        ]
        return self.add(numbers, texts)

    def add(self, numbers: Iterable[Hashable], texts: Iterable[Hashable]) -> bool:
        """Give columns to the features that have none yet; return whether there are any.

        Their order is that of their names: a dict's own means nothing.
        """
        before = len(self.columns)
        for name in sorted(set(numbers) - self._numbers.keys(), key=repr):
            self._numbers[name] = len(self.columns)
            self._append(_label(name))
        for name in sorted(set(texts) - self._texts.keys(), key=repr):
            self._texts[name] = len(self.columns)
            for bit in range(self._width):
                self._append(f"{_label(name)}#{bit}")
        self._plain = None if self._texts else tuple(self._numbers)
        return len(self.columns) > before

    def _append(self, label: str) -> None:
        """Add a column of this name, or of one like it that is free."""
        while label == TARGET or label in self.columns:
            label += "'"
        self.columns.append(label)

    def emerging(self, table: Mapping[Hashable, Column]) -> dict[int, tuple[list[Hashable], list[Hashable]]]:
        """Return the new features of a table, numbers and texts, by the event that first has a value of them."""
        found: dict[int, tuple[list[Hashable], list[Hashable]]] = {}
        for name, column in table.items():
            if name not in self._numbers:
                first = _first(~np.isnan(column.numbers))
                if first is not None:
                    found.setdefault(first, ([], []))[0].append(name)
            if name not in self._texts and column.texts is not None:
                first = next((place for place, text in enumerate(column.texts) if text is not None), None)
                if first is not None:
                    found.setdefault(first, ([], []))[1].append(name)
        return found

    def matrix(self, table: Mapping[Hashable, Column], part: slice) -> NDArray[np.float64]:
        """Return the columns' values of a part of a table's events, (n, columns)."""
        count = part.stop - part.start
        matrix = np.full((count, len(self.columns)), math.nan)
        for name, column in table.items():
            place = self._numbers.get(name)
            if place is not None:
                matrix[:, place] = column.numbers[part]
            first = self._texts.get(name)
            if first is None or column.texts is None:
                continue
            for event, text in enumerate(column.texts[part]):
                if text is not None:
                    matrix[event, first : first + self._width] = code(text, self._width)
        return matrix

    def _of(self, x: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the names and values of a dict that are features: not its fields, nor its times."""
        if not hasattr(x, "items"):
            raise DataError(f"x must be a dict, got {type(x).__name__} {x!r}")
        for name, value in x.items():
            if name not in self.fields and not isinstance(value, datetime):
                yield name, value


def column(values: Iterable[Any], name: Hashable) -> Column:
    """Return a feature of many events, whose values may be of any type that a feature's may.

    Raises
    ------
    DataError
        For a value that is neither a number nor text, nor a time.
    """
    every = list(values)
    texts = [value if isinstance(value, str) else None for value in every]
    apart = [math.nan if isinstance(value, (str, datetime)) else number(value, str(name), "X") for value in every]
    return Column(np.array(apart, np.float64), texts if any(text is not None for text in texts) else None)


def _label(name: Hashable) -> str:
    return name if isinstance(name, str) else repr(name)


def _first(there: NDArray[np.bool_]) -> int | None:
    return int(there.argmax()) if there.any() else None
