"""Memory of the stream arrays. With many streams it grows in place: without a copy, a pause, or twice the memory.

The arrays of many streams lie in one mapping, which reserves as much address space as the machine has memory. Linux
provides a page when it is written for the first time, so only rows that were used count as memory of the process, and
an array never has to move. Where so much address space is not granted (other systems, `ulimit -v`, strict
overcommitment) and for few streams, memory is allocated as usual, and arrays grow by copying.
"""

from __future__ import annotations

import math
import mmap
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.kernels.aligned import LINE, aligned_zeros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.compiled.state import Rows

RESERVED_FROM = 2**24
"""Bytes from which address space is reserved; to copy fewer takes a few milliseconds."""
SMALL_PAGES = 2**22
"""Bytes of an array for which small pages do; beyond, pages of 2 MB save the processor most address translations."""


def zero_rows(rows: Rows, count: int, most: int | None) -> tuple[int, dict[str, NDArray[Any]]]:
    """Return arrays of zeros with at least `count` rows each, and never more than `most`.

    Parameters
    ----------
    rows
        Shape and dtype of one row of each array, by name.
    count
        Rows that are needed now.
    most
        Rows that can be needed later; None for no limit.

    Returns
    -------
    capacity
        Number of rows.
    arrays
        By name; each starts at a cache line.
    """
    sizes = {name: math.prod(shape) * np.dtype(kind).itemsize for name, (shape, kind) in rows.items()}
    row_bytes = sum(sizes.values())
    if sys.platform == "linux" and count * row_bytes >= RESERVED_FROM:
        spare = len(rows) * (mmap.PAGESIZE + LINE)
        fitting = (os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE - spare) // row_bytes
        capacity = fitting if most is None else min(fitting, most)
        if capacity >= count:
            with suppress(OSError):
                return capacity, _reserved(rows, sizes, capacity)
    return count, {name: aligned_zeros((count, *shape), kind) for name, (shape, kind) in rows.items()}


def _reserved(rows: Rows, sizes: dict[str, int], capacity: int) -> dict[str, NDArray[Any]]:
    """Return arrays in one mapping; raise `OSError` where the system does not grant it."""
    spans = {name: -(-capacity * size // mmap.PAGESIZE) * mmap.PAGESIZE for name, size in sizes.items()}
    memory = mmap.mmap(-1, sum(spans.values()) + len(rows) * LINE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    whole = np.frombuffer(memory, np.uint8)
    arrays, start = {}, 0
    for place, (name, (shape, kind)) in enumerate(rows.items()):
        first = start + place * LINE  # rows of one stream in many arrays would otherwise compete for the same cache set
        arrays[name] = whole[first : first + capacity * sizes[name]].view(kind).reshape(capacity, *shape)
        if spans[name] > SMALL_PAGES:
            with suppress(OSError):  # a kernel without huge pages
                memory.madvise(mmap.MADV_HUGEPAGE, start + SMALL_PAGES, spans[name] - SMALL_PAGES)
        start += spans[name]
    return arrays
