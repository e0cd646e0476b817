"""StreamTable: assigns streams to slots, and owns the arrays whose rows the slots are.

A stream appears with its first event and gets a slot, one row in every array; `row_memory` describes how these grow.
With a limit, a new stream replaces the one that was least recently seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from stream_rnn.engine.row_memory import zero_rows
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    from stream_rnn.compiled.state import Rows

INITIAL_CAPACITY = 4


class StreamTable:
    """Slots of streams.

    Parameters
    ----------
    rows
        Shape and dtype of one row of each array, by name.
    limit
        Most streams to keep; None for no limit.
    """

    def __init__(self, rows: Rows, limit: int | None) -> None:
        self._rows = rows
        self._limit = limit
        self._slots: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self.capacity = 0
        self.evictions = 0
        self.arrays: dict[str, NDArray[Any]] = {}
        self._reserve(INITIAL_CAPACITY if limit is None else min(limit, INITIAL_CAPACITY))

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._slots

    @property
    def keys(self) -> list[Hashable]:
        """Keys of the streams, by slot."""
        return self._keys.copy()

    @property
    def recency(self) -> list[Hashable]:
        """Keys of the streams, least recently seen first; without a limit in order of appearance."""
        return list(self._slots)

    @property
    def row_bytes(self) -> dict[str, int]:
        """Memory of one stream in each array, in bytes."""
        return {name: array.nbytes // self.capacity for name, array in self.arrays.items()}

    def find(self, key: Hashable) -> int | None:
        """Return the slot of a stream, or None if it is unknown.

        Raises
        ------
        DataError
            If the key is not hashable.
        """
        try:
            return self._slots.get(key)
        except TypeError:
            raise _wrong_type(key) from None

    def slot(self, key: Hashable) -> tuple[int, bool]:
        """Return the slot of a stream that has an event now, and whether the stream is new.

        Raises
        ------
        DataError
            If the key is not hashable, or that of a new stream and `plain_key` refuses it.
        """
        try:
            slot = self._slots.get(key)
        except TypeError:
            raise _wrong_type(key) from None
        if slot is None:
            return self._add(key), True
        if self._limit is not None:
            self._slots[key] = self._slots.pop(key)  # dicts are ordered: the last key is the most recent one
        return slot, False

    def slots(self, keys: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the slot of each event's stream, and which events are the first of a new stream.

        Without a limit there is no Python step per event. With one, streams are looked up one by one, because each may
        evict another.

        Raises
        ------
        DataError
            As `slot`, before any stream is added.
        """
        first_of_new = np.zeros(len(keys), bool)
        try:
            new = [key for key in dict.fromkeys(keys) if key not in self._slots]
        except TypeError:
            raise _wrong_type(next(key for key in keys if not _is_hashable(key))) from None
        new = [plain_key(key) for key in new]
        if self._limit is not None:
            slots = np.empty(len(keys), np.int64)
            for i, key in enumerate(keys):
                slots[i], first_of_new[i] = self.slot(key)
            return slots, first_of_new
        if new:
            self._reserve(len(self._slots) + len(new))
            self._slots |= zip(new, range(len(self._slots), len(self._slots) + len(new)), strict=True)
            self._keys += new
        slots = np.fromiter(map(self._slots.__getitem__, keys), np.int64, len(keys))
        if new:
            first = np.empty(len(self._slots), np.int64)
            first[slots[::-1]] = np.arange(len(keys))[::-1]
            first_of_new[first[len(self._slots) - len(new) : len(self._slots)]] = True
        return slots, first_of_new

    def restore(self, keys: Sequence[Hashable], recency: Sequence[Hashable], arrays: dict[str, NDArray[Any]]) -> None:
        """Replace the streams by those of a checkpoint: keys by slot, keys by recency, and the used rows."""
        self._keys = list(keys)
        slots = {key: slot for slot, key in enumerate(keys)}
        self._slots = {key: slots[key] for key in recency}
        self._reserve(len(keys))
        for name, array in arrays.items():
            self.arrays[name][: len(keys)] = array

    def _add(self, key: Hashable) -> int:
        key = plain_key(key)
        if self._limit is not None and len(self._slots) == self._limit:
            oldest = next(iter(self._slots))
            slot = self._slots.pop(oldest)
            self._keys[slot] = key
            self.evictions += 1
        else:
            slot = len(self._slots)
            self._reserve(slot + 1)
            self._keys.append(key)
        self._slots[key] = slot
        return slot

    def _reserve(self, count: int) -> None:
        """Replace the arrays by larger ones if they do not have so many rows; they at least double.

        The arrays left behind do not change any more: a snapshot continues to copy from them.
        """
        if count <= self.capacity:
            return
        needed = max(count, 2 * self.capacity)
        if self._limit is not None:
            needed = min(needed, self._limit)
        used = min(len(self._slots), self.capacity)
        self.capacity, grown = zero_rows(self._rows, needed, self._limit)
        for name, array in self.arrays.items():
            grown[name][:used] = array[:used]
        self.arrays = grown


def plain_key(key: Any) -> str | int:
    """Return the key of a new stream as a checkpoint holds it: numpy's 5 is 5.

    Raises
    ------
    DataError
        If it is neither text nor an integer, or no checkpoint could hold it.

    Examples
    --------
    >>> plain_key(np.int64(5))
    5
    """
    plain = key.item() if isinstance(key, np.generic) else key
    if isinstance(plain, bool) or not isinstance(plain, (str, int)):
        raise _wrong_type(key)
    try:
        msgspec.json.encode(plain)
    except ValueError as error:  # a lone surrogate, or an integer of thousands of digits
        raise DataError(f"a key must be valid Unicode text or an integer, got {_short(plain)}: {error}") from None
    return str.__str__(plain) if isinstance(plain, str) else int.__int__(plain)


def _short(key: str | int) -> str:
    """Return a key as it is shown in a message; Python does not print integers of thousands of digits."""
    return f"{key!r:.50}" if isinstance(key, str) else f"an integer of {key.bit_length()} bits"


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _wrong_type(key: Any) -> DataError:
    return DataError(f"a key must be a string or an integer, got {type(key).__name__} {key!r}")
