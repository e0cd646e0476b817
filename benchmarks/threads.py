"""The gain by threads, and whether their results are bitwise those of one thread.

    python -m benchmarks.threads --calls 1000000 --events 10000

Batches: the same events are processed in one thread and in two, in turns, for the members of the race `auto`, streams
with their own weights, and two engines. SHA-256 of two blocks shows how much two threads can gain at this moment: less
than a factor of 2 on a machine that is busy with other work. The gain by processor time is based on the processor time
of the slowest thread plus that of the work that is not shared, which is the wall time on an idle machine.

Calls: each of two threads processes its own streams, which have their own weights, with a `SharedEngine`. The
reference is an engine that processes the same events one stream after the other.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np

from benchmarks import options, report
from stream_rnn import Engine, Race, Settings, SharedEngine
from stream_rnn.engine.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS, STREAMS = 2, 10
"""Streams of each thread."""
SETTINGS = Settings(inputs="x", hidden=8, window=8, weights="per_stream", interval=0.9)
ROUNDS = 6
"""The first one is not measured."""


class Case(NamedTuple):
    """Work to measure."""

    name: str
    make: Callable[[int], Callable[[np.ndarray], bytes]]
    """returns, for a number of threads, a function from the events (N, 1) of a round to its results"""


def _race(threads: int) -> Callable[[np.ndarray], bytes]:
    race = Race.preset("auto", inputs="x", horizon=24)
    race.threads = threads
    return lambda x: race.process("s", x).tobytes()


def _streams(count: int, threads: int) -> Callable[[np.ndarray], bytes]:
    engine = Engine(Settings(inputs="x", weights="per_stream"))
    engine.threads = threads
    return lambda x: engine.process(np.arange(len(x)) % count, x).tobytes()


def _engines(threads: int) -> Callable[[np.ndarray], bytes]:
    engines = [Engine(Settings(inputs="x", seed=seed)) for seed in range(THREADS)]
    return lambda x: _each(threads, [partial(engine.process, "s", x) for engine in engines])


def _hashes(threads: int) -> Callable[[np.ndarray], bytes]:
    block = bytes(20_000_000)
    return lambda _: _each(threads, [lambda: np.frombuffer(hashlib.sha256(block).digest(), np.uint8)] * THREADS)


def _each(threads: int, calls: list[Callable[[], np.ndarray]]) -> bytes:
    """Make the calls, in threads if there are several; return their results."""
    if threads == 1:
        return b"".join(call().tobytes() for call in calls)
    return in_threads(threads, lambda pool: b"".join(pool.map(lambda call: call().tobytes(), calls)))


CASES = (
    Case("members of the race auto", _race),
    Case("20 streams with their own weights", partial(_streams, 20)),
    Case("1,000 streams with their own weights", partial(_streams, 1000)),
    Case("two engines", _engines),
    Case("SHA-256", _hashes),
)


@contextmanager
def measured() -> Iterator[list[float]]:
    """Yield a list that gets, for each use of threads, the processor time that an idle machine would wait for."""
    waits: list[float] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.spent: dict[int, float] = defaultdict(float)

        def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            return super().submit(self._measure, call, *args, **kwargs)

        def _measure(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self.spent[get_ident()] += time.thread_time() - began

        def __exit__(self, *_: object) -> None:
            self.shutdown()
            *shared, coordinating = self.spent.values()  # the thread that waits for the others ends last
            waits.append(coordinating + max(shared))

    with patch("stream_rnn.engine.threads.ThreadPoolExecutor", Pool):
        yield waits


def measure_batches(case: Case, events: int) -> dict[str, Any]:
    """Return the rates of one thread and of two, and what two gain."""
    rng = np.random.default_rng(0)
    runs = {threads: case.make(threads) for threads in (1, THREADS)}
    seconds: dict[int, list[float]] = {threads: [] for threads in runs}
    waits: dict[int, list[float]] = {threads: [] for threads in runs}
    equal = True
    for turn in range(ROUNDS):
        x, results = rng.normal(size=(events, 1)).cumsum(axis=0), []
        for threads, run in runs.items():
            with measured() as shared:
                start, begun = time.perf_counter(), time.thread_time()
                results.append(run(x))
                waited = time.thread_time() - begun + sum(shared)
                if turn:
                    seconds[threads].append(time.perf_counter() - start)
                    waits[threads].append(waited)
        equal &= results[0] == results[1]
    best = {threads: min(times) for threads, times in seconds.items()}
    least = {threads: min(times) for threads, times in waits.items()}
    return {
        "case": case.name,
        "equal": equal,
        "serial_seconds": best[1],
        "threads_seconds": best[THREADS],
        "gain": best[1] / best[THREADS],
        "gain_by_processor_time": least[1] / least[THREADS],
    }


def measure_calls(calls: int) -> dict[str, Any]:
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
    """Run the program; exit with status 1 if forecasts differ."""
    parser = options.parser(__doc__)
    parser.add_argument("--calls", type=options.positive, default=1_000_000, help="calls in all (default 1,000,000)")
    parser.add_argument("--events", type=options.positive, default=10_000, help="events of a round (default 10,000)")
    arguments = parser.parse_args()
    batches = [measure_batches(case, arguments.events) for case in CASES]
    calls = measure_calls(arguments.calls)
    if arguments.json:
        report.show_json({"batches": batches, "calls": calls})
    else:
        report.show("Batches in one thread and in two", batches)
        report.show("Calls of two threads", [calls])
        report.show_machine()
    raise SystemExit(calls["equal"] != calls["streams"] or not all(row["equal"] for row in batches))


if __name__ == "__main__":
    main()
