"""Features: the engine's input columns for the features of river's dicts.

Features may appear and disappear at any event. A new feature gets columns after the existing ones; an absent one is
missing (NaN). A number has one column. A text has `width` columns: each of its words is hashed to a vector of bits that
count as 1 and -1, and the text is the mean of its words' vectors. This is the hashing trick (Weinberger et al. 2009,
arXiv:0902.2206) with a dense code of random signs instead of one position per word: the codes of any two words are
nearly orthogonal, and no list of words is kept.

An engine with more inputs replaces the present one, which costs as much as some events. Up to `FREE_COLUMNS` columns a
new feature gets its columns at its first event. From then on new features wait until a number of events have passed
since the last ones, which grows with the columns, and get their columns together; `max_features` limits them.
"""

from __future__ import annotations

import copy
import logging
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

log = logging.getLogger("stream_rnn")

TARGET = "y"
"""Column of a target that has no name of its own."""

FREE_COLUMNS = 64
"""Columns up to which new features get theirs at once."""
MAX_FEATURES = 1000
COLUMNS_PER_EVENT = 4
"""With more, there are as many events between two additions as columns, divided by this."""

_NUMBER_TYPES = frozenset({float, int, bool})
"""Types that need no conversion; others, such as numpy's, take the slower path."""


def encode_text(text: str, width: int) -> NDArray[np.float64]:
    """Return the code of a text (width,): the mean of its words' random signs; zeros if it has no words.

    Examples
    --------
    >>> encode_text("pump", 4)
    array([-1.,  1.,  1., -1.])
    >>> encode_text("pump off", 4)
    array([-1.,  1.,  0.,  0.])
    """
    words = text.split()
    if not words:
        return np.zeros(width)
    size = -(-width // 8)
    digests = b"".join(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=size).digest() for word in words)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8).reshape(len(words), size), axis=1)[:, :width]
    mean: NDArray[np.float64] = 2.0 * bits.mean(axis=0) - 1.0
    return mean


class Column(NamedTuple):
    """The values of a feature in N events."""

    numbers: NDArray[np.float64]
    """(N,) NaN where the value is not a number"""
    texts: list[str | None] | None
    """(N,) None where the value is not a text; None if it never is"""


class NewFeatures(NamedTuple):
    """Names of features that have no columns yet, as keys of dicts."""

    numbers: dict[Hashable, None]
    texts: dict[Hashable, None]


class Features:
    """The input columns of features, in the order in which the features appeared.

    Parameters
    ----------
    width
        Columns of each text.
    fields
        Names in x that are not features: they hold an event's key, time or end.
    max_features
        Most features; later ones are ignored, with a warning.

    Examples
    --------
    >>> features = Features(width=2, fields=["sensor"])
    >>> features.register({"load": 1.0, "sensor": "pump-1", "state": "on"}, event=0)
    True
    >>> features.columns
    ['load', 'state#0', 'state#1']
    >>> features.row({"load": 2})
    [2.0, nan, nan]
    """

    def __init__(self, width: int, fields: Collection[Hashable], max_features: int = MAX_FEATURES) -> None:
        self.columns: list[str] = []
        """Names of the columns, all different."""
        self.fields = frozenset(fields)
        """Names in x that are not features."""
        self._width = width
        self._number_columns: dict[Hashable, int] = {}
        self._text_columns: dict[Hashable, int] = {}
        """First column of each text."""
        self._max_features = max_features
        self._waiting = NewFeatures({}, {})
        self._next_event = 0
        """First event at which features may get columns."""
        self._refused = False
        self._fast_names: tuple[Hashable, ...] | None = ()
        """The features in the order of their columns if all are numbers, else None."""

    def fast_row(self, x: Mapping[Any, Any]) -> list[float] | None:
        """Return the columns' values if `x` has exactly the known features and all are numbers, else None."""
        names = self._fast_names
        try:
            if names is None or len(x) != len(names) + len(self.fields):
                return None
            row = [x[name] for name in names]
            fits = _NUMBER_TYPES.issuperset(map(type, row)) and x.keys() >= self.fields
            return list(map(float, row)) if fits else None
        except (KeyError, TypeError, AttributeError, OverflowError):  # other features, not a dict, too large an integer
            return None

    def row(self, x: Mapping[Any, Any]) -> list[float]:
        """Return the columns' values; features without a column are ignored.

        Raises
        ------
        DataError
            For a value that is not a number, a text or a time.
        """
        row = [math.nan] * len(self.columns)
        for name, value in self._items(x):
            if isinstance(value, str):
                first = self._text_columns.get(name)
                if first is not None:
                    row[first : first + self._width] = encode_text(value, self._width)
                continue
            converted = number(value, str(name), "x")
            column = self._number_columns.get(name)
            if column is not None:
                row[column] = converted
        return row

    def register(self, x: Mapping[Any, Any], event: int) -> bool:
        """Admit the new features that have a value at an event, given by its number; return what `admit` returns.

        Raises
        ------
        DataError
            For a value that is not a number, a text or a time.
        """
        items = list(self._items(x))
        texts = [name for name, value in items if isinstance(value, str) and name not in self._text_columns]
        numbers = [
            name
            for name, value in items
            if not isinstance(value, str)
            and name not in self._number_columns
            and not math.isnan(number(value, str(name), "x"))
        ]
        return self.admit(NewFeatures(dict.fromkeys(numbers), dict.fromkeys(texts)), event)

    def admit(self, new: NewFeatures, event: int) -> bool:
        """Let features that appear at an event wait for columns; add those of all that wait, if it is time.

        Features that get columns at the same event are sorted by name, so that the order in a dict does not matter.

        Returns
        -------
        bool
            Whether there are more columns now.
        """
        waiting = self._waiting
        unknown = NewFeatures(
            dict.fromkeys(new.numbers.keys() - self._number_columns.keys()),
            dict.fromkeys(new.texts.keys() - self._text_columns.keys()),
        )
        for names, own in zip(unknown, waiting, strict=True):
            for name in sorted(names.keys() - own.keys(), key=repr):
                if self._count() < self._max_features:
                    own[name] = None
                else:
                    self._refuse(name)
        if event < self._next_event or not any(unknown) or not any(waiting):
            return False
        self._add(waiting)
        self._waiting = NewFeatures({}, {})
        width = len(self.columns)
        self._next_event = event + width // COLUMNS_PER_EVENT if width > FREE_COLUMNS else 0
        return True

    def _count(self) -> int:
        """Return the number of features that have columns, or wait for them."""
        known = len(self._number_columns) + len(self._text_columns)
        return known + len(self._waiting.numbers) + len(self._waiting.texts)

    def _refuse(self, name: Hashable) -> None:
        if not self._refused:
            log.warning(
                "there are more than max_features = %d features; further ones, such as %r, are ignored",
                *(self._max_features, name),
            )
        self._refused = True

    def _add(self, new: NewFeatures) -> None:
        """Add columns for features that have none."""
        for name in sorted(new.numbers, key=repr):
            self._number_columns[name] = len(self.columns)
            self._append(_label(name))
        for name in sorted(new.texts, key=repr):
            self._text_columns[name] = len(self.columns)
            for bit in range(self._width):
                self._append(f"{_label(name)}#{bit}")
        self._fast_names = None if self._text_columns else tuple(self._number_columns)

    def _append(self, label: str) -> None:
        """Append a column of this name, with primes if it is in use."""
        while label == TARGET or label in self.columns:
            label += "'"
        self.columns.append(label)

    def additions(self, table: Mapping[Hashable, Column], event: int) -> tuple[dict[int, Features], Features]:
        """Return the features as they are after each row of a table in which some get columns, and after all rows.

        Parameters
        ----------
        table
            Columns of N events.
        event
            Number of the first one.
        """
        new: dict[int, NewFeatures] = {}
        for name, column in table.items():
            if name not in self._number_columns:
                for row in np.flatnonzero(~np.isnan(column.numbers)).tolist():
                    new.setdefault(row, NewFeatures({}, {})).numbers[name] = None
            if name not in self._text_columns and column.texts is not None:
                for row, text in enumerate(column.texts):
                    if text is not None:
                        new.setdefault(row, NewFeatures({}, {})).texts[name] = None
        added: dict[int, Features] = {}
        features = copy.deepcopy(self) if new else self
        for row in sorted(new):
            if features.admit(new[row], event + row):
                added[row] = features
                features = copy.deepcopy(features)
        return added, features

    def matrix(self, table: Mapping[Hashable, Column], part: slice) -> NDArray[np.float64]:
        """Return the columns' values (n, columns) for a part of a table's rows."""
        matrix = np.full((part.stop - part.start, len(self.columns)), math.nan)
        for name, column in table.items():
            place = self._number_columns.get(name)
            if place is not None:
                matrix[:, place] = column.numbers[part]
            first = self._text_columns.get(name)
            if first is None or column.texts is None:
                continue
            for row, text in enumerate(column.texts[part]):
                if text is not None:
                    matrix[row, first : first + self._width] = encode_text(text, self._width)
        return matrix

    def _items(self, x: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the names and values that are features: neither fields nor times."""
        if not hasattr(x, "items"):
            raise DataError(f"x must be a dict, got {type(x).__name__} {x!r}")
        for name, value in x.items():
            if name not in self.fields and not isinstance(value, datetime):
                yield name, value


def parse_column(values: Iterable[Any], name: Hashable) -> Column:
    """Return a feature's values in many events, each of any type that a feature may have.

    Raises
    ------
    DataError
        For a value that is not a number, a text or a time.
    """
    sequence = list(values)
    texts = [value if isinstance(value, str) else None for value in sequence]
    numbers = [math.nan if isinstance(value, (str, datetime)) else number(value, str(name), "X") for value in sequence]
    return Column(np.array(numbers, np.float64), texts if any(text is not None for text in texts) else None)


def _label(name: Hashable) -> str:
    return name if isinstance(name, str) else repr(name)
