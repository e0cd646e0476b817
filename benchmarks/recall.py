"""The recall task: a cue, D events of noise, then a query for the cue.

A sequence starts with up to ten events of noise. Then follow the cue, +1 or -1, D events of noise, and a query, at
which the cue is the label. There are three inputs: the cue (0 at other events), noise from N(0, 1), and the query (1 at
its event, 0 before). The state is reset after the query. A learner that backpropagates errors through fewer than D
events cannot learn to store the cue, and guesses: 50 %.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAD = 10
SCORED = 500
"""Sequences at the end of a run over which the accuracy is taken."""

LEARNED_ACCURACY = 0.95
LEARNED_OVER = 100
"""Consecutive sequences that must have this accuracy for the task to count as learned."""

LEARNERS: dict[str, dict[str, Any]] = {
    "lru, RTRL": {"layer": "lru", "learning_rate": 1e-2},
    "elstm, RTRL": {"layer": "elstm", "learning_rate": 1e-2, "forget_bias": 5.0},
    "columnar_gru, RTRL": {"layer": "columnar_gru", "learning_rate": 1e-2, "update_bias": 3.0},
    "gru, window 16": {"layer": "gru", "window": 16, "learning_rate": 3e-3, "update_bias": 3.0},
    "gru, window D + 12": {"layer": "gru", "learning_rate": 3e-3, "update_bias": 3.0},
}
"""Learning rates and biases were chosen at D = 50 on seed 100, which is not used for results."""


class Events(NamedTuple):
    """Consecutive sequences."""

    x: NDArray[np.float64]
    """(N, 3)"""
    y: NDArray[np.float64]
    """(N,) 1 or 0 at a query for a cue of +1 or -1, NaN elsewhere"""
    ends: NDArray[np.bool_]
    """(N,)"""


def events(count: int, delay: int, seed: int) -> Events:
    """Return at least `count` events of complete sequences, with `delay` events between cue and query."""
    rng = np.random.default_rng(seed)
    leads = rng.integers(0, LEAD + 1, count // (delay + 2) + 1)
    queries = np.cumsum(leads + delay + 2) - 1
    sequences = int(np.searchsorted(queries, count - 1)) + 1
    queries, cues = queries[:sequences], rng.choice([-1.0, 1.0], sequences)
    length = int(queries[-1]) + 1
    x = np.zeros((length, 3))
    x[:, 1] = rng.standard_normal(length)
    x[queries - delay - 1, 0] = cues
    x[queries, 2] = 1.0
    y = np.full(length, np.nan)
    y[queries] = cues > 0
    return Events(x, y, x[:, 2] > 0)


def settings(learner: str, delay: int, seed: int) -> Settings:
    """Return the settings of one of the learners."""
    common: dict[str, Any] = {
        "inputs": ("cue", "noise", "query"),
        "targets": ("answer",),
        "task": "classification",
        "hidden": 32,
        "window": delay + LEAD + 2,
        "scale_inputs": False,
        "missing_flags": False,
        "seed": seed,
    }
    return Settings(**common | LEARNERS[learner])


def measure(learner: str, delay: int, count: int, seed: int) -> dict[str, Any]:
    """Run a learner once over `count` events."""
    run = events(count, delay, seed)
    engine = Engine(settings(learner, delay, seed))
    engine.warmup()
    start = time.perf_counter()
    answers = engine.process("s", run.x, run.y, ends=run.ends)[:, 0]
    seconds = time.perf_counter() - start
    queries = np.flatnonzero(run.ends)
    right = (answers[queries] > 0.5) == (run.y[queries] > 0)
    learned = np.convolve(right, np.ones(LEARNED_OVER) / LEARNED_OVER, "valid") >= LEARNED_ACCURACY
    learned_after = int(queries[np.argmax(learned) + LEARNED_OVER - 1]) if learned.any() else None
    return {
        "learner": learner,
        "D": delay,
        "seed": seed,
        "right": float(right[-SCORED:].mean()),
        "learned_after": learned_after,
        "us_per_event": 1e6 * seconds / len(run.y),
        "bytes_per_stream": sum(engine.stream_bytes.values()),
    }


def table(delays: Sequence[int], count: int, seeds: int) -> list[dict[str, Any]]:
    """Return each learner's medians over the seeds 0, 1, ... at each delay, and how many runs learned the task."""
    rows = []
    for learner in LEARNERS:
        for delay in delays:
            runs = [measure(learner, delay, count, seed) for seed in range(seeds)]
            learned = [run["learned_after"] for run in runs if run["learned_after"] is not None]
            rows.append(
                {
                    "learner": learner,
                    "D": delay,
                    "right": statistics.median(run["right"] for run in runs),
                    "learned": f"{len(learned)} of {seeds}",
                    "after_events": int(statistics.median(learned)) if learned else None,
                    "us_per_event": statistics.median(run["us_per_event"] for run in runs),
                    "bytes_per_stream": runs[0]["bytes_per_stream"],
                }
            )
    return rows
