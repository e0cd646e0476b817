"""Categories: the states of a column of words as inputs, one input per state, in order of appearance."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.engine.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

log = logging.getLogger("stream_rnn")


def slot_names(column: str, size: int) -> tuple[str, ...]:
    """Return the names of the inputs of a column: one for each of its first states, and one for all others.

    Examples
    --------
    >>> slot_names("valve", 2)
    ('valve#1', 'valve#2', 'valve#other')
    """
    return (*(f"{column}#{number}" for number in range(1, size + 1)), f"{column}#other")


def with_slots(names: Sequence[str], categories: Sequence[str], size: int) -> tuple[str, ...]:
    """Return names of columns, with the names of its inputs instead of each category; those not named follow.

    Examples
    --------
    >>> with_slots(("load", "valve", "flow"), ("valve",), 1)
    ('load', 'valve#1', 'valve#other', 'flow')
    """
    slots = {name: slot_names(name, size) for name in categories}
    missing = [name for name in categories if name not in names and not set(slots[name]) <= set(names)]
    return tuple(slot for name in (*names, *missing) for slot in slots.get(name, (name,)))


def without_slots(names: Sequence[str], categories: Sequence[str], size: int) -> tuple[str, ...]:
    """Return the columns that the inputs of `with_slots` come from.

    Examples
    --------
    >>> without_slots(("load", "valve#1", "valve#other", "flow"), ("valve",), 1)
    ('load', 'valve', 'flow')
    """
    columns = {slot: name for name in categories for slot in slot_names(name, size)}
    return tuple(dict.fromkeys(columns.get(name, name) for name in names))


class Categories:
    """Inputs of one column of words.

    Each of the first `size` states has an input of its own, in order of appearance, and all others share one. An
    input is 1 if the event is in its state and 0 otherwise; all are missing if the state is.

    Parameters
    ----------
    column
        Name of the column.
    size
        Number of states with an input of their own.

    Attributes
    ----------
    others : int
        Number of values that had no input of their own.

    Examples
    --------
    >>> valve = Categories("valve", 1)
    >>> for name, values in valve.encode(np.array(["on", "off", None], object)).items():
    ...     print(name, values)
    valve#1 [ 1.  0. nan]
    valve#other [ 0.  1. nan]
    """

    def __init__(self, column: str, size: int) -> None:
        self.column = column
        self.names = slot_names(column, size)
        self.others = 0
        self._size = size
        self._vocabulary = Vocabulary(size + 1)

    @property
    def states(self) -> list[str]:
        """The states that have an input of their own, in the order of these."""
        return self._vocabulary.tokens

    def encode(self, words: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
        """Return the inputs of states (N,), None where missing."""
        present = np.array([word is not None for word in words.tolist()], np.bool_)
        ids = np.full(len(words), np.nan)
        ids[present] = self._vocabulary.encode(words[present])
        others = int((ids == 0.0).sum())
        if others and not self.others:
            log.warning(
                "column %r has more than %d states; further ones, such as %r, share one input: raise max_categories",
                *(self.column, self._size, words[np.argmax(ids == 0.0)]),
            )
        self.others += others
        numbers = (*range(1, self._size + 1), 0)
        inputs = np.where(np.isnan(ids), np.nan, np.equal.outer(np.array(numbers, np.float64), ids))
        return dict(zip(self.names, inputs, strict=True))

    def restore(self, states: Iterable[str]) -> None:
        """Continue with the states of a checkpoint."""
        self._vocabulary = Vocabulary(self._size + 1)
        self._vocabulary.encode(list(states))
