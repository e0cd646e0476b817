"""Labels: the classes of class labels, which may be words or any integers, in order of appearance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from stream_rnn.connectors.decode.values import parse_number
from stream_rnn.jobs.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

NOT_A_CLASS, BAD_VALUE = -1.0, -2.0
"""Codes of a label beyond the last class, and of a word among numbers."""


class LabelState(msgspec.Struct, frozen=True):
    """The labels of a target, as a checkpoint has them."""

    numeric: bool | None
    codes: bool
    labels: dict[str, Annotated[int, Meta(ge=0)]]
    """class, by label"""
    seen: list[Annotated[int, Meta(ge=0)]]
    """classes whose label has been processed"""


class Labels:
    """Assigns classes to the labels of one target, as they appear.

    A word gets the lowest class that is free, and so does an integer. Where integers may be codes, one that is itself
    a class keeps its place; once 0 does, integers beyond the classes are no labels.

    Parameters
    ----------
    classes
        Number of classes. A label that appears when all are assigned is none.
    numeric
        Whether labels are numbers, among which words are bad values. None: the first label says it.
    codes
        Whether integers may be codes: 0, 1, ...

    Examples
    --------
    >>> labels = Labels(classes=2)
    >>> labels.encode(np.array(["ok", "worn", None, "ok", "fault"], object))
    array([ 0.,  1., nan,  0., -1.])
    >>> labels.decode(np.array([1.0, np.nan]))
    array(['worn', None], dtype=object)
    >>> Labels(classes=3).encode(np.array(["1", "2", "3"], object))
    array([1., 2., 0.])
    """

    def __init__(self, classes: int, *, numeric: bool | None = None, codes: bool = True) -> None:
        self.classes = classes
        self.numeric = numeric
        self.codes = codes
        self._classes: dict[str, int] = {}
        self._labels: dict[int, str] = {}
        self._seen = Seen()
        self._lowest = 0
        """No class below this one is free."""

    @staticmethod
    def beginning_with(words: Sequence[str], classes: int) -> Labels:
        """Return the labels of a target, given the distinct words that are known to appear, in this order.

        Numbers are codes if all are classes, or if there are more of them than classes: then some are errors.
        """
        numbers = [parse_number(word) for word in words]
        numeric = numbers[:1] != [None] and bool(words)
        codes = len(words) > classes or all(number is not None and 0 <= number < classes for number in numbers)
        return Labels(classes, numeric=numeric, codes=codes)

    @property
    def names(self) -> dict[int, str]:
        """The label of each class that has one, by class."""
        return dict(sorted(self._labels.items()))

    def encode(self, words: NDArray[Any]) -> NDArray[np.float64]:
        """Return the classes of labels (N,): NaN if missing, `NOT_A_CLASS` or `BAD_VALUE` if there is none."""
        labels = words.tolist()
        codes = {label: math.nan if label is None else self._encode(label) for label in dict.fromkeys(labels)}
        return np.array([codes[label] for label in labels], np.float64)

    def decode(self, classes: NDArray[np.float64]) -> NDArray[Any]:
        """Return the labels of classes, in the same shape: numbers, or words; NaN or None where a class has none."""
        known = np.isfinite(classes) & (classes >= 0)
        table = self._table()
        places = np.where(known, np.minimum(np.nan_to_num(classes), len(table) - 1), len(table) - 1).astype(np.intp)
        return table[places]

    def decode_forecasts(self, classes: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[Any]:
        """Return the labels of forecast classes (N, K), each only if it was the target (N,) of an event before.

        A class whose label was read but has not been processed has no label yet, however events are cut into batches.
        """
        return self.decode(np.where(self._seen.is_known(classes, targets), classes, np.nan))

    def state(self) -> LabelState:
        """Return everything that `restore` needs."""
        return LabelState(self.numeric, self.codes, dict(self._classes), self._seen.numbers)

    def restore(self, state: LabelState) -> None:
        """Continue with the labels of a checkpoint."""
        self.numeric = state.numeric
        self.codes = state.codes
        self._classes = dict(state.labels)
        self._labels = {place: label for label, place in state.labels.items()}
        self._seen = Seen(state.seen)
        self._lowest = 0

    def _encode(self, label: str) -> float:
        number = parse_number(label)
        if self.numeric is None:
            self.numeric = number is not None
        place = None
        if self.numeric:
            if number is None:
                return BAD_VALUE
            if not number.is_integer():
                return NOT_A_CLASS
            label = str(int(number))
            if self.codes and 0 <= number < self.classes:
                place = int(number)
            elif self.codes and label not in self._classes and self._classes.get("0") == 0:
                return NOT_A_CLASS
        known = self._classes.get(label)
        return self._assign(label, place) if known is None else float(known)

    def _assign(self, label: str, place: int | None) -> float:
        """Return the class of a new label, at its place if that is free."""
        if len(self._classes) >= self.classes:
            return NOT_A_CLASS
        if place is None or place in self._labels:
            while self._lowest in self._labels:
                self._lowest += 1
            place = self._lowest
        self._classes[label], self._labels[place] = place, label
        return float(place)

    def _table(self) -> NDArray[Any]:
        """Return the label of each class, and a missing one at the end."""
        labels = [self._labels.get(place) for place in range(max(self._labels, default=-1) + 1)]
        if self.numeric is False:
            return np.array([*labels, None], object)
        return np.array([*(math.nan if label is None else float(label) for label in labels), math.nan])
