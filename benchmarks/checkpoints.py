"""How much a checkpoint slows down event processing, with many streams.

    python -m benchmarks.checkpoints --streams 100000

The reference job processes small batches of random streams, as a live job does; the window of every stream is full. A
checkpoint starts between two batches and is written while processing continues. `longest_pause_ms` is the longest
single interruption: taking the snapshot, or copying streams that the next events change. One batch may be interrupted
several times. Rates and batch times also include what the writing thread costs: memory bandwidth, the interpreter lock,
the disk. `save_seconds` is the duration of `Engine.save`, which stops processing.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import options, reference, report
from stream_rnn import Engine, Settings
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.writer import CheckpointWriter

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 500
"""Events of a batch, about five milliseconds."""
UNDISTURBED_SECONDS = 5.0
"""How long batches are timed without a checkpoint, before and after."""


def measure(streams: int = 100_000) -> dict[str, Any]:
    """Return the duration and size of a checkpoint, and the times of batches before, during and after it."""
    rng = np.random.default_rng(0)
    events = reference.data(100 * BATCH)
    engine = _filled(streams, rng)

    def batch() -> float:
        """Process a batch and return its duration in seconds."""
        first = int(rng.integers(99 * BATCH))
        rows = slice(first, first + BATCH)
        keys = rng.integers(streams, size=BATCH)
        start = time.perf_counter()
        engine.process(keys, events.x[rows], events.y[rows])
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # /tmp may be in memory
        folder = Path(name)
        writer = CheckpointWriter(CheckpointFolder(folder / "state"), engine)
        before = _undisturbed(batch)
        memory = _peak_mb()
        writer.begin({})
        during = []
        while writer.busy:
            during.append(batch())
            writer.advance()
        more_memory = _peak_mb() - memory
        after = _undisturbed(batch)
        times = writer.last
        start = time.perf_counter()
        engine.save(folder / "saved")
        save_seconds = time.perf_counter() - start
    if times is None:
        raise RuntimeError("the checkpoint was not written")
    return {
        "streams": streams,
        "megabytes": times.bytes / 1e6,
        "copied_seconds": times.copied,
        "written_seconds": times.written,
        "save_seconds": save_seconds,
        "longest_pause_ms": 1e3 * times.pause,
        "more_memory_mb": more_memory,
        "batches": {
            name: {
                "events_per_second": BATCH / float(np.mean(durations)),
                "median_ms": 1e3 * float(np.median(durations)),
                "p99_ms": 1e3 * float(np.quantile(durations, 0.99)),
                "longest_ms": 1e3 * max(durations),
            }
            for name, durations in (("before", before), ("during", during), ("after", after))
        },
    }


def _filled(streams: int, rng: np.random.Generator) -> Engine:
    """Return an engine in which the window of every stream is full."""
    engine = Engine(Settings(**reference.JOB))
    for turn in range(reference.WINDOW + 1):
        x, y = reference.data(streams, seed=turn)
        engine.process(rng.permutation(streams), x, y)
    return engine


def _undisturbed(batch: Callable[[], float]) -> list[float]:
    """Return the durations of batches processed without a checkpoint."""
    end, durations = time.perf_counter() + UNDISTURBED_SECONDS, list[float]()
    while time.perf_counter() < end:
        durations.append(batch())
    return durations


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--streams", type=options.positive, default=100_000, help="number of streams (default 100,000)")
    arguments = parser.parse_args()
    result = measure(arguments.streams)
    if arguments.json:
        report.show_json(result)
        return
    batches = result.pop("batches")
    report.show("One checkpoint", [result])
    report.show(f"Batches of {BATCH} events", [{"when": name, **row} for name, row in batches.items()])
    report.show_machine()


if __name__ == "__main__":
    main()
