"""Cost of an event by the number of streams, and the memory of a stream.

Weights are shared, and events come from the streams in random order. Before the measurement the window of every stream
is full, so that all memory pages of the stream arrays exist and every event costs a full update.
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
CHUNK = 20_000


def measure(counts: tuple[int, ...] = COUNTS, events: int = EVENTS) -> dict[str, Any]:
    """Return the cost of an event for each number of streams, and a stream's bytes by array.

    The numbers of streams take turns, one chunk of events each, so that other load on the machine affects all of them.
    """
    rng = np.random.default_rng(0)
    engines = {count: _filled(count) for count in counts}
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(events // CHUNK):
        x, y = reference.data(CHUNK, seed=int(rng.integers(2**31)))
        for count, engine in engines.items():
            seconds[count].append(_seconds(engine, rng.integers(count, size=CHUNK), x, y))
    one_stream = statistics.median(seconds[counts[0]])
    rows = []
    for count, durations in seconds.items():
        median = statistics.median(durations)
        rows.append(
            {
                "streams": count,
                "microseconds_per_event": 1e6 * median / CHUNK,
                "times_one_stream": median / one_stream,
                "events_per_second": CHUNK / median,
                "arenas_mb": count * sum(engines[count].stream_bytes.values()) / 1e6,
            }
        )
    stream_bytes = engines[counts[-1]].stream_bytes
    return {
        "rows": rows,
        "events": events // CHUNK * CHUNK,
        "stream_bytes": stream_bytes,
        "stream_bytes_total": sum(stream_bytes.values()),
        "peak_process_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _filled(count: int) -> Engine:
    """Return an engine in which the windows of this many streams are full."""
    engine = Engine(Settings(**reference.JOB))
    order = np.random.default_rng(1)
    for turn in range(reference.WINDOW + 1):
        for keys in np.array_split(order.permutation(count), max(count // CHUNK, 1)):
            x, y = reference.data(len(keys), seed=turn)
            engine.process(keys, x, y)
    return engine


def _seconds(engine: Engine, keys: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    start = now()
    engine.process(keys, x, y)
    return since(start)
