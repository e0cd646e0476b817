"""Duration of a call with one event: `Engine.step` with eight inputs by name.

Calls per second do not count the time that the process waits for a core; the percentiles are wall-clock times and do.
"""

from __future__ import annotations

import statistics
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import reference
from benchmarks.clock import now, since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn import Engine

CALLS = 60_000
ROUNDS = 5

JOBS: dict[str, dict[str, Any]] = {
    "reference job, label given": reference.JOB,
    "default settings, forecasting 8 columns": {"inputs": reference.INPUTS},
}


def measure() -> list[dict[str, Any]]:
    """Return calls per second and percentiles of the duration for each job; every call forecasts and learns."""
    return [{"job": name, **_measure(reference.warm(settings))} for name, settings in JOBS.items()]


def _measure(engine: Engine) -> dict[str, float]:
    events = _events(engine)
    rates = []
    for _ in range(ROUNDS):
        batch = list(islice(events, CALLS // ROUNDS))
        begin = now()
        for x, y in batch:
            engine.step("stream", x, y)
        rates.append(len(batch) / since(begin))
    nanoseconds = np.empty(CALLS)
    for call, (x, y) in enumerate(islice(events, CALLS)):
        start = time.perf_counter_ns()
        engine.step("stream", x, y)
        nanoseconds[call] = time.perf_counter_ns() - start
    p50, p99, p999 = np.percentile(nanoseconds / 1000, [50, 99, 99.9])
    return {"calls_per_second": statistics.median(rates), "p50_us": p50, "p99_us": p99, "p99.9_us": p999}


def _events(engine: Engine) -> Iterator[tuple[dict[str, float], float | None]]:
    """Yield inputs by name, and a label if the job is a regression."""
    data = reference.data(2 * CALLS)
    labels = engine.settings.task == "regression"
    for x, y in zip(data.x.tolist(), data.y.tolist(), strict=True):
        yield dict(zip(reference.INPUTS, x, strict=True)), y if labels else None
