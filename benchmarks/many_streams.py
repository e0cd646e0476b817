"""Time per event by the number of streams, memory per stream, and pauses when streams appear.

Weights are shared, and events come from the streams in random order. Before the measurement the window of every stream
is full, so that all memory pages of the stream arrays exist and every event costs a full update.

    python -m benchmarks.many_streams --tape compact
"""

from __future__ import annotations

import argparse
import resource
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import options, reference, report
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNTS = (1, 100, 10_000, 100_000)
EVENTS = 300_000
CHUNK = 20_000
MILLION = 1_000_000
NEW = 10
"""New streams of one batch, whose duration shows a pause."""
TAPES = ("full", "compact")


def measure(counts: tuple[int, ...] = COUNTS, events: int = EVENTS, tape: str = "full") -> dict[str, Any]:
    """Return the cost of an event for each number of streams, and a stream's bytes by array.

    The numbers of streams take turns, one chunk of events each, so that other load on the machine affects all of them.
    """
    rng = np.random.default_rng(0)
    engines = {count: _filled(count, tape) for count in counts}
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


def grow(count: int = MILLION, tape: str = "compact") -> dict[str, Any]:
    """Return the memory of `count` streams with one event each, and the longest pauses while they appeared."""
    engine = Engine(Settings(**reference.JOB, tape=tape))
    engine.warmup()
    x, y = reference.data(NEW)
    before = _resident()
    durations = sorted(_seconds(engine, np.arange(first, first + NEW), x, y) for first in range(0, count, NEW))
    return {
        "tape": tape,
        "streams": count,
        "row_bytes": sum(engine.stream_bytes.values()),
        "process_gb_per_million": (_resident() - before) / count / 1e3,
        "median_batch_ms": 1e3 * statistics.median(durations),
        "p999_batch_ms": 1e3 * durations[-1 - len(durations) // 1000],
        "longest_batch_ms": 1e3 * durations[-1],
    }


def _resident() -> int:
    """Return the memory of this process in bytes, as `ps` shows it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _filled(count: int, tape: str) -> Engine:
    """Return an engine in which the windows of this many streams are full."""
    engine = Engine(Settings(**reference.JOB, tape=tape))
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


def show(result: dict[str, Any]) -> None:
    """Show what `measure` returns."""
    report.show(f"Streams in random order, {result['events']:,} events each", result["rows"])
    arrays = [{"array": name, "bytes": value} for name, value in result["stream_bytes"].items() if value]
    report.show("Memory of a stream", [*arrays, {"array": "all", "bytes": result["stream_bytes_total"]}])


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--tape", choices=TAPES, default="full")
    parser.add_argument("--grow", type=int, default=MILLION, help="number of streams that appear")
    parser.add_argument("--only-grow", action=argparse.BooleanOptionalAction, default=False)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"grow": grow(arguments.grow, arguments.tape)}
    if not arguments.only_grow:
        results["streams"] = measure(tape=arguments.tape)
    if arguments.json:
        report.show_json(results)
        return
    if not arguments.only_grow:
        show(results["streams"])
    report.show(f"Streams that appear, {NEW} in a batch", [results["grow"]])
    report.show_machine()


if __name__ == "__main__":
    main()
