"""Snapshot: the state of an engine at one moment, while the engine goes on.

What is small is copied at once: weights, counts, keys. The streams' rows are copied on write: those of the next events
before these change them, the rest when there is time, by any thread. Where the arenas grow, the arrays left behind do
not change any more, and the rest is copied from them.
"""

from __future__ import annotations

import math
import mmap
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.checkpoints.file import STREAMS
from stream_rnn.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from stream_rnn.checkpoints.file import Saved

PIECE = 2**19
"""Bytes that are copied at a time, in a millisecond or two: an event waits for that much at most, or for twice as much
where another thread copies, too."""


class Snapshot:
    """A copy of a state that is still in use.

    Only one thread may let the engine go on, and it asks `protect` before rows change; `advance` and `finish` may be
    called by another.

    Parameters
    ----------
    state
        The engine's own arrays: with a row per slot the streams', which change by leave of `protect` only.
    """

    def __init__(self, state: Saved) -> None:
        self.pause = 0.0
        """The longest that `protect` took, in seconds."""
        self.done = not state.keys
        """Whether all is copied, and nothing has to be protected any more."""
        self._live = {name: array for name, array in state.arrays.items() if name.startswith(STREAMS)}
        self._rows = {name: _small_pages(array.shape, array.dtype) for name, array in self._live.items()}
        small = {name: array.copy() for name, array in state.arrays.items() if name not in self._live}
        self._state = state._replace(arrays=self._rows | small)
        self._waiting = np.ones(len(state.keys), np.bool_)
        self._next = 0
        self._row_bytes = sum(array.itemsize * math.prod(array.shape[1:]) for array in self._live.values())
        self._lock = threading.Lock()

    def protect(self, slots: NDArray[np.int64]) -> int:
        """Copy the rows of slots that are about to change; return how many of the slots, from the first, may now.

        These are all, or as many as are copied at a time.
        """
        began = time.perf_counter()
        some = slots[: self._share(PIECE)]
        with self._lock:
            old = some[some < len(self._waiting)]  # later slots are of streams that came after
            self._copy(np.unique(old[self._waiting[old]]))
        self.pause = max(self.pause, time.perf_counter() - began)
        return len(some)

    def advance(self, nbytes: int) -> bool:
        """Copy about so many bytes more, at least one row; return whether all is copied."""
        with self._lock:
            start, self._next = self._next, min(self._next + self._share(nbytes), len(self._waiting))
            self._copy(start + np.flatnonzero(self._waiting[start : self._next]))
            self.done = self._next == len(self._waiting)
            if self.done:
                self._live = {}  # the arrays that growing arenas left behind are needed no more
            return self.done

    def finish(self) -> Saved:
        """Copy the rest, and return the state."""
        while not self.advance(PIECE):
            pass
        return self._state

    def _share(self, nbytes: int) -> int:
        return max(nbytes // self._row_bytes, 1)

    def _copy(self, slots: NDArray[np.int64]) -> None:
        """Copy the rows of these slots, in order and each once."""
        if slots.size == 0:
            return
        together = slots[-1] - slots[0] + 1 == slots.size
        where: Any = slice(slots[0], slots[-1] + 1) if together else slots  # slices are copied without one between
        for name, live in self._live.items():
            self._rows[name][where] = live[where]
        self._waiting[slots] = False


def _small_pages(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return memory that is taken page by page, and given back without holding up other threads.

    numpy asks for pages of 2 MB, and the first row copied into each waits until the whole of it is zeroed: 600 rows of
    8 kB here and there took 50 ms, in small pages 6 ms. Freeing 500 MB takes 30 ms, in which numpy holds the
    interpreter's lock and mmap does not.
    """
    kind = np.dtype(dtype)
    count = math.prod(shape)
    if count == 0:
        return np.empty(shape, kind)
    try:
        memory = mmap.mmap(-1, count * kind.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise CheckpointError(f"no memory for a copy of {count * kind.itemsize:,} bytes: {error.strerror}") from None
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # where there are no other pages
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, kind).reshape(shape)
