"""Events of streams that have their own weights, shared among threads: the bits are those of a single thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.compiled.step import EventBuffers, process
from stream_rnn.engine.result import allocate_outputs
from stream_rnn.engine.threads import in_threads

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from numpy.typing import NDArray

    from stream_rnn.compiled.step import OutputBuffers
    from stream_rnn.engine.state import EngineState
    from stream_rnn.settings.engine import Settings


def shares_of(slots: NDArray[np.int64], threads: int) -> list[NDArray[np.int64]]:
    """Return the places of each thread's events: all of a stream are in one share, and shares are of similar size.

    There are fewer shares than threads where there are too few streams, or most events are of one.

    Examples
    --------
    >>> [share.tolist() for share in shares_of(np.array([4, 7, 4, 7, 9]), 2)]
    [[0, 2], [1, 3, 4]]
    """
    _, stream, counts = np.unique(slots, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2  # of a stream's events, if they were sorted by stream
    share = (middle * threads / len(slots)).astype(np.int64)[stream]
    return [places for k in range(threads) if (places := np.flatnonzero(share == k)).size]


def process_shares(
    settings: Settings,
    state: EngineState,
    shares: list[NDArray[np.int64]],
    events: EventBuffers,
    outputs: OutputBuffers,
) -> None:
    """Process the events of each share in a thread of its own; write their results and count them."""
    in_threads(len(shares), partial(_process, settings, state, shares, events, outputs))


def _process(
    settings: Settings,
    state: EngineState,
    shares: list[NDArray[np.int64]],
    events: EventBuffers,
    outputs: OutputBuffers,
    pool: ThreadPoolExecutor,
) -> None:
    cores, batches, counts = zip(*state.thread_cores(len(shares)), strict=True)
    parts = [allocate_outputs(settings, len(places)) for places in shares]
    for places, part, batch in zip(shares, parts, batches, strict=True):
        batch.fill(events=EventBuffers(*(column[places] if column.size else column for column in events)), outputs=part)
    list(pool.map(process, cores, batches))
    for places, part in zip(shares, parts, strict=True):
        for whole, column in zip(outputs, part, strict=True):
            if whole.size:
                whole[places] = column
    for one in counts:
        state.counts += one
        one[:] = 0
