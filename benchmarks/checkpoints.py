"""What a checkpoint costs the event loop, with many streams.

    python -m benchmarks.checkpoints --streams 100000

The reference job takes small batches of random streams, as a live job does; every stream has filled its window. A
checkpoint is begun between two batches and written meanwhile. `longest_pause_ms` is the longest single stretch in which
it held up the loop: fixing the state, or copying streams that the next events change. A batch is held up more often
than once; how much longer batches took, the rates and the longest batch say, which have in them what a second thread
costs besides: memory bandwidth, the interpreter's lock, the disk. `save_seconds` is what a save takes that stops the
loop.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import reference, report
from stream_rnn import Engine, Settings
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.writer import CheckpointWriter

BATCH = 500
"""Events: about five milliseconds."""
ALONE = 5.0
"""Seconds of batches without a checkpoint, before and after."""


def measure(streams: int = 100_000) -> dict[str, Any]:
    """Return how long a checkpoint took, its size, and what the event loop noticed of it."""
    rng = np.random.default_rng(0)
    events = reference.data(100 * BATCH)
    engine = _filled(streams, rng)

    def batch() -> float:
        """Take a batch; return how long it took."""
        part = slice(start := int(rng.integers(99 * BATCH)), start + BATCH)
        keys = rng.integers(streams, size=BATCH)
        began = time.perf_counter()
        engine.process(keys, events.x[part], events.y[part])
        return time.perf_counter() - began

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # on a disk, which /tmp may not be
        folder = Path(name)
        checkpointer = CheckpointWriter(CheckpointFolder(folder / "state"), engine)
        before = _for_a_while(batch)
        memory = _peak_mb()
        began = time.perf_counter()
        checkpointer.begin({})
        during = [time.perf_counter() - began]
        while checkpointer.busy:
            during.append(batch())
            checkpointer.advance()
        more = _peak_mb() - memory
        after = _for_a_while(batch)
        times = checkpointer.last
        began = time.perf_counter()
        engine.save(folder / "saved")
        save_seconds = time.perf_counter() - began
    if times is None:
        raise RuntimeError("the checkpoint was not written")
    return {
        "streams": streams,
        "megabytes": times.bytes / 1e6,
        "copied_seconds": times.copied,
        "written_seconds": times.written,
        "save_seconds": save_seconds,
        "longest_pause_ms": 1e3 * times.pause,
        "more_memory_mb": more,
        "batches": {
            name: {
                "events_per_second": BATCH / float(np.mean(took)),
                "median_ms": 1e3 * float(np.median(took)),
                "p99_ms": 1e3 * float(np.quantile(took, 0.99)),
                "longest_ms": 1e3 * max(took),
            }
            for name, took in (("before", before), ("during", during[1:]), ("after", after))
        },
    }


def _filled(streams: int, rng: np.random.Generator) -> Engine:
    """Return an engine all of whose streams have a full window."""
    engine = Engine(Settings(**reference.JOB))
    for turn in range(reference.WINDOW + 1):
        x, y = reference.data(streams, seed=turn)
        engine.process(rng.permutation(streams), x, y)
    return engine


def _for_a_while(batch: Any) -> list[float]:
    end, took = time.perf_counter() + ALONE, []
    while time.perf_counter() < end:
        took.append(batch())
    return took


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.streams)
    if options.json:
        report.show_json(found)
        return
    batches = found.pop("batches")
    report.show("One checkpoint", [found])
    report.show(f"Batches of {BATCH} events", [{"when": name, **row} for name, row in batches.items()])
    report.show_machine()


if __name__ == "__main__":
    main()
