"""StreamTable: which stream has which slot, and the arrays whose rows the slots are.

A stream appears by being seen. It gets a slot, a row in every arena; arenas double when they are full. With a limit,
the stream that was seen least recently makes room for a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import DataError
from stream_rnn.kernels.memory import aligned_zeros

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import DTypeLike, NDArray

FIRST_CAPACITY = 4


class StreamTable:
    """Slots of streams.

    Parameters
    ----------
    rows
        Shape and type of each arena's row, by name.
    limit
        The most streams to keep; None for no limit.
    """

    def __init__(self, rows: dict[str, tuple[tuple[int, ...], DTypeLike]], limit: int | None) -> None:
        self._rows = rows
        self._limit = limit
        self._slots: dict[Hashable, int] = {}
        self._keys: list[Hashable] = []
        self.capacity = 0
        self.evictions = 0
        self.arenas: dict[str, NDArray[Any]] = {}
        self._reserve(FIRST_CAPACITY if limit is None else min(limit, FIRST_CAPACITY))

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._slots

    @property
    def keys(self) -> list[Hashable]:
        """The streams' keys in the order of their slots."""
        return self._keys.copy()

    @property
    def recency(self) -> list[Hashable]:
        """The streams' keys, least recently seen first; in the order of appearance where there is no limit."""
        return list(self._slots)

    @property
    def row_bytes(self) -> dict[str, int]:
        """Memory of one stream in each arena, in bytes."""
        return {name: array.nbytes // self.capacity for name, array in self.arenas.items()}

    def find(self, key: Hashable) -> int | None:
        """Return the slot of a stream, or None if it is not here.

        Raises
        ------
        DataError
            If the key cannot be hashed.
        """
        try:
            return self._slots.get(key)
        except TypeError:
            raise _unhashable(key) from None

    def slot(self, key: Hashable) -> tuple[int, bool]:
        """Return the slot of a stream that is seen now, and whether it is new.

        Raises
        ------
        DataError
            If the key cannot be hashed.
        """
        try:
            slot = self._slots.get(key)
        except TypeError:
            raise _unhashable(key) from None
        if slot is None:
            return self._appear(key), True
        if self._limit is not None:
            self._slots[key] = self._slots.pop(key)  # dicts keep order: the last key is the latest seen
        return slot, False

    def slots(self, keys: Sequence[Hashable]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the slot of each event's stream, and which events begin a new one.

        Without a limit no step is taken per event; with one, streams are looked up in turn, because each may evict.
        """
        fresh = np.zeros(len(keys), bool)
        try:
            new = [key for key in dict.fromkeys(keys) if key not in self._slots]
        except TypeError:
            raise _unhashable(next(key for key in keys if not _is_hashable(key))) from None
        if self._limit is not None:
            slots = np.empty(len(keys), np.int64)
            for i, key in enumerate(keys):
                slots[i], fresh[i] = self.slot(key)
            return slots, fresh
        if new:
            self._reserve(len(self._slots) + len(new))
            self._slots |= zip(new, range(len(self._slots), len(self._slots) + len(new)), strict=True)
            self._keys += new
        slots = np.fromiter(map(self._slots.__getitem__, keys), np.int64, len(keys))
        if new:
            first = np.empty(self.capacity, np.int64)
            first[slots[::-1]] = np.arange(len(keys))[::-1]
            fresh[first[len(self._slots) - len(new) : len(self._slots)]] = True
        return slots, fresh

    def restore(self, keys: Sequence[Hashable], recency: Sequence[Hashable], arenas: dict[str, NDArray[Any]]) -> None:
        """Take streams from a checkpoint: keys by slot, keys by recency, and the used rows of each arena."""
        self._keys = list(keys)
        slots = {key: slot for slot, key in enumerate(keys)}
        self._slots = {key: slots[key] for key in recency}
        self._reserve(len(keys))
        for name, array in arenas.items():
            self.arenas[name][: len(keys)] = array

    def _appear(self, key: Hashable) -> int:
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
        """Make room for so many streams, doubling so that growth costs each stream the same.

        The arrays left behind do not change any more: a snapshot goes on copying from them.
        """
        if count <= self.capacity:
            return
        capacity = max(count, 2 * self.capacity)
        if self._limit is not None:
            capacity = min(capacity, self._limit)
        for name, (shape, kind) in self._rows.items():
            grown = aligned_zeros((capacity, *shape), kind)
            if self.capacity:
                grown[: self.capacity] = self.arenas[name]
            self.arenas[name] = grown
        self.capacity = capacity


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _unhashable(key: Any) -> DataError:
    return DataError(f"a key must be hashable, got {type(key).__name__} {key!r}")
