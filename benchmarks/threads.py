"""Two threads that share an engine: whether each stream gets bitwise what one thread gets, and the cost.

    python -m benchmarks.threads --calls 1000000

Each thread steps through the streams of its own, whose weights are their own, with a `SharedEngine`. The reference is
an engine that processes the same events one stream after the other.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks import options, report
from stream_rnn import Engine, Settings, SharedEngine

THREADS, STREAMS = 2, 10
"""Streams of each thread."""
SETTINGS = Settings(inputs="x", hidden=8, window=8, weights="per_stream", interval=0.9)


def measure(calls: int) -> dict[str, Any]:
    """Return whether all forecasts are equal, and the rates of both ways."""
    per_stream = calls // (THREADS * STREAMS)
    x = np.random.default_rng(0).normal(size=(THREADS * STREAMS, per_stream, 1)).cumsum(axis=1)
    serial, shared = Engine(SETTINGS), SharedEngine(Engine(SETTINGS))
    serial.warmup()

    def run(thread: int) -> list[np.ndarray]:
        keys = range(thread * STREAMS, (thread + 1) * STREAMS)
        found = np.empty((STREAMS, per_stream))
        for t in range(per_stream):
            for row, key in enumerate(keys):
                found[row, t] = shared.step(key, x[key, t])[0, 0]
        return list(found)

    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        found = [forecasts for part in threads.map(run, range(THREADS)) for forecasts in part]
    shared_seconds = time.perf_counter() - start
    start = time.perf_counter()
    expected = [np.array([serial.step(key, value)[0, 0] for value in x[key]]) for key in range(THREADS * STREAMS)]
    serial_seconds = time.perf_counter() - start
    equal = sum(one.tobytes() == other.tobytes() for one, other in zip(found, expected, strict=True))
    return {
        "calls": THREADS * STREAMS * per_stream,
        "streams": THREADS * STREAMS,
        "equal": equal,
        "shared_calls_per_second": calls / shared_seconds,
        "serial_calls_per_second": calls / serial_seconds,
    }


def main() -> None:
    """Run the program; exit with status 1 if a stream's forecasts differ."""
    parser = options.parser(__doc__)
    parser.add_argument("--calls", type=options.positive, default=1_000_000, help="calls in all (default 1,000,000)")
    arguments = parser.parse_args()
    result = measure(arguments.calls)
    if arguments.json:
        report.show_json(result)
    else:
        report.show("Calls of two threads", [result])
        report.show_machine()
    raise SystemExit(result["equal"] != result["streams"])


if __name__ == "__main__":
    main()
