"""Cost of an event by the number of streams that take turns, and the memory of a stream.

Shared weights; events come in random order of the streams. Before anything is measured every stream has filled its
window, so that all arena pages exist and every event costs a full update.
"""

from __future__ import annotations

import resource
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import reference
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNTS = (1, 100, 10_000, 100_000)
EVENTS = 300_000
PART = 20_000


def measure(counts: tuple[int, ...] = COUNTS, events: int = EVENTS) -> dict[str, Any]:
    """Return the cost of an event for each number of streams, and a stream's bytes by arena.

    The numbers of streams take turns, a part of the events each, so that what else the machine does falls on all.
    """
    rng = np.random.default_rng(0)
    engines = {count: _filled(count) for count in counts}
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(events // PART):
        x, y = reference.data(PART, seed=int(rng.integers(2**31)))
        for count, engine in engines.items():
            seconds[count].append(_take(engine, rng.integers(count, size=PART), x, y))
    one = statistics.median(seconds[counts[0]])
    rows = []
    for count, took in seconds.items():
        middle = statistics.median(took)
        rows.append(
            {
                "streams": count,
                "microseconds_per_event": 1e6 * middle / PART,
                "times_one_stream": middle / one,
                "events_per_second": PART / middle,
                "arenas_mb": count * sum(engines[count].stream_bytes.values()) / 1e6,
            }
        )
    arenas = engines[counts[-1]].stream_bytes
    return {
        "rows": rows,
        "events": events // PART * PART,
        "stream_bytes": arenas,
        "stream_bytes_total": sum(arenas.values()),
        "peak_process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _filled(count: int) -> Engine:
    engine = Engine(Settings(**reference.JOB))
    order = np.random.default_rng(1)
    for turn in range(reference.WINDOW + 1):
        for keys in np.array_split(order.permutation(count), max(count // PART, 1)):
            x, y = reference.data(len(keys), seed=turn)
            engine.process(keys, x, y)
    return engine


def _take(engine: Engine, keys: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    began = now()
    engine.process(keys, x, y)
    return since(began)
