"""Threads that share the work of one call, and end with it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")

WORTHWHILE_SECONDS = 0.002
"""Work that takes less is not shared: starting the threads takes about a tenth of this."""


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(threads: int, work: Callable[[ThreadPoolExecutor], ResultT]) -> ResultT:
    """Return ``work(pool)``, which may use so many threads.

    Ctrl-C reaches the main thread only, and the work runs in another one. `KeyboardInterrupt` is raised once the work
    has ended, so that work is never left half done.

    Examples
    --------
    >>> in_threads(2, lambda pool: list(pool.map(abs, [-1, 2, -3])))
    [1, 2, 3]
    """
    interrupt: KeyboardInterrupt | None = None
    with ThreadPoolExecutor(threads + 1, "stream_rnn") as pool:  # one of them waits for the others
        whole = pool.submit(work, pool)
        while not whole.done():
            try:
                wait([whole])
            except KeyboardInterrupt as error:
                interrupt = error
    if interrupt is not None:
        raise interrupt
    return whole.result()
