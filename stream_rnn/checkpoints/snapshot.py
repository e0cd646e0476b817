"""Snapshot: the state of an engine at one moment, copied while the engine keeps running.

Small arrays (weights, counters, keys) are copied at once. The rows of the streams are copied on write: the engine
copies the rows that its next events will change, and any thread copies the rest in chunks. When the stream table grows
it leaves its old arrays behind; these no longer change, and the rest is copied from them.
"""

from __future__ import annotations

import math
import mmap
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.checkpoints.file import STREAMS
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from stream_rnn.checkpoints.file import CheckpointData

CHUNK_BYTES = 2**19
"""Bytes copied at a time, which takes a millisecond or two: the longest an event waits, or half of it where another
thread copies as well."""


class Snapshot:
    """A copy of a state that is still in use.

    Only one thread may run the engine, and it calls `protect` before rows change. `advance` and `finish` may be called
    by another thread.

    Parameters
    ----------
    data
        The engine's own arrays. Those with a row per slot may change after `protect` only.
    """

    def __init__(self, data: CheckpointData) -> None:
        self.pause = 0.0
        """The longest time, in seconds, that `protect` has taken."""
        self._is_complete = not data.keys
        self._process = os.getpid()
        self._live = {name: array for name, array in data.arrays.items() if name.startswith(STREAMS)}
        self._copies = {name: _small_pages(array.shape, array.dtype) for name, array in self._live.items()}
        small = {name: array.copy() for name, array in data.arrays.items() if name not in self._live}
        self._data = data._replace(arrays=self._copies | small)
        self._pending = np.ones(len(data.keys), np.bool_)
        self._next = 0
        self._row_bytes = sum(array.itemsize * math.prod(array.shape[1:]) for array in self._live.values())
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """Whether nothing has to be protected any more: the copy is complete, or belongs to another process.

        A forked process has the snapshot, but not the thread that copies it, which may have held the lock.
        """
        return self._is_complete or os.getpid() != self._process

    def protect(self, slots: NDArray[np.int64]) -> int:
        """Copy the rows of slots that are about to change.

        Returns
        -------
        int
            How many of the slots, from the first on, may change now: all, or as many as are copied at a time.
        """
        start = time.perf_counter()
        first = slots[: self._rows_in(CHUNK_BYTES)]
        with self._lock:
            old = first[first < len(self._pending)]  # higher slots are of streams that appeared later
            self._copy(np.unique(old[self._pending[old]]))
        self.pause = max(self.pause, time.perf_counter() - start)
        return len(first)

    def advance(self, nbytes: int) -> bool:
        """Copy about so many bytes more, at least one row; return whether the copy is complete.

        Raises
        ------
        CheckpointError
            In another process than that which made the snapshot.
        """
        if os.getpid() != self._process:
            raise CheckpointError("the snapshot was made before this process was forked: make another one")
        with self._lock:
            start, self._next = self._next, min(self._next + self._rows_in(nbytes), len(self._pending))
            self._copy(start + np.flatnonzero(self._pending[start : self._next]))
            self._is_complete = self._next == len(self._pending)
            if self._is_complete:
                self._live = {}  # releases arrays that the stream table has left behind
            return self._is_complete

    def finish(self) -> CheckpointData:
        """Copy the rest, and return the state."""
        while not self.advance(CHUNK_BYTES):
            pass
        return self._data

    def _rows_in(self, nbytes: int) -> int:
        return max(nbytes // self._row_bytes, 1)

    def _copy(self, slots: NDArray[np.int64]) -> None:
        """Copy the rows of these slots, which are ascending and distinct."""
        if slots.size == 0:
            return
        contiguous = slots[-1] - slots[0] + 1 == slots.size
        index: Any = slice(slots[0], slots[-1] + 1) if contiguous else slots  # a slice is copied without a temporary
        for name, live in self._live.items():
            self._copies[name][index] = live[index]
        self._pending[slots] = False


def _small_pages(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return uninitialised memory that is mapped page by page, and freed without blocking other threads.

    numpy asks for pages of 2 MB, and the first row copied into each waits until all of it is zeroed: 600 scattered rows
    of 8 kB took 50 ms, and 6 ms with small pages. Freeing 500 MB takes 30 ms, in which numpy holds the interpreter lock
    and mmap does not.
    """
    kind = np.dtype(dtype)
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, kind)
    try:
        if sys.platform == "win32":
            memory = mmap.mmap(-1, count * kind.itemsize)
        else:
            memory = mmap.mmap(-1, count * kind.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise CheckpointError(f"no memory for a copy of {count * kind.itemsize:,} bytes: {error.strerror}") from None
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, kind).reshape(shape)
