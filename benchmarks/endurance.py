"""An engine that runs for tens of millions of events: memory, non-finite numbers, and errors against a fresh engine.

    python -m benchmarks.endurance --network gru --events 50000000
    python -m benchmarks.endurance --network forecast --events 3000000 --seeds 0,1,2,3

The signal of each of the four streams is the sum of two sines whose frequencies, amplitudes and levels drift, an effect
of an input three events earlier that changes now and then, and noise. The run is divided into tenths. At the beginning
of each tenth, a fresh engine learns the same events for a period. `old_to_fresh` is the ratio of the errors (RMSE) of
both engines in the second half of this period. `persistence` is the error of the last value, and `worst_batch` the
largest error of a batch of 40,000 events relative to it. The seed is that of the signal.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import options, report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STREAMS = 4
EVENTS = 10_000
"""Events of each stream in a batch."""
CHANGE_EVERY = 12
"""Batches between two changes of the input's effect and of the level."""
COMPARED = 10
"""Batches that the fresh engine learns; the second half is compared."""
DELAY = 3
"""Events between an input and its effect."""

INPUTS: dict[str, Any] = {"inputs": ("y", "u"), "targets": ("y",)}
NETWORKS: dict[str, Settings] = {
    "default": Settings(**INPUTS),
    "rnn": Settings(**INPUTS, layer="rnn", hidden=16, window=8),
    "gru": Settings(**INPUTS, layer="gru", hidden=16, window=8),
    "lstm": Settings(**INPUTS, layer="lstm", hidden=16, window=8),
    "slstm": Settings(**INPUTS, layer="slstm", hidden=16, window=8),
    "lru": Settings(**INPUTS, layer="lru", hidden=16),
    "elstm": Settings(**INPUTS, layer="elstm", hidden=16),
    "columnar_gru": Settings(**INPUTS, layer="columnar_gru", hidden=16),
    "mingru": Settings(**INPUTS, layer="mingru", hidden=16),
    "rls": Settings(**INPUTS, layer="lru", readout="rls", hidden=16),
    "forecast": Settings.preset("forecast", **INPUTS, hidden=16, interval=0.9, anomaly=True, horizon=2),
}


class Errors(NamedTuple):
    """Squared errors of forecasts one event ahead."""

    squares: float
    persistence: float
    """those of the last value"""
    count: int

    def __add__(self, other: object) -> Errors:
        """Add the sums."""
        if not isinstance(other, Errors):
            return NotImplemented
        return Errors(self.squares + other.squares, self.persistence + other.persistence, self.count + other.count)

    @classmethod
    def of(cls, x: NDArray[np.float64], forecasts: NDArray[np.float64]) -> Errors:
        """Return the errors of a batch, whose streams take turns."""
        y, one_ahead = x[:, 0].reshape(-1, STREAMS), forecasts[:, 0, 0].reshape(-1, STREAMS)
        squares, changes = (y[1:] - one_ahead[:-1]) ** 2, np.diff(y, axis=0) ** 2
        return cls(float(squares.sum()), float(changes.sum()), changes.size)


NONE = Errors(0.0, 0.0, 0)


def batches(seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield inputs (STREAMS * EVENTS, 2) of streams that take turns."""
    rng = np.random.default_rng(seed)
    phases, frequencies = rng.uniform(0, 6, (2, STREAMS)), np.array([[0.13], [0.31]]) * np.ones((2, STREAMS))
    amplitudes, levels, effects = np.ones(STREAMS), np.zeros(STREAMS), np.full(STREAMS, 0.8)
    before, number = np.zeros((DELAY, STREAMS)), 0
    while True:
        number += 1
        frequencies = np.clip(frequencies * np.exp(rng.normal(0, 0.01, (2, STREAMS))), 0.02, 1.2)
        amplitudes = np.clip(amplitudes * np.exp(rng.normal(0, 0.02, STREAMS)), 0.3, 3)
        levels = levels + rng.normal(0, 0.05, STREAMS)
        if number % CHANGE_EVERY == 0:
            effects = rng.uniform(-1, 1, STREAMS)
            levels = levels + rng.normal(0, 2, STREAMS)
        levels = np.clip(levels, -5, 5)
        angles = phases[:, None, :] + frequencies[:, None, :] * np.arange(1, EVENTS + 1)[:, None]
        phases = angles[:, -1] % math.tau
        u = (rng.random((EVENTS, STREAMS)) < 0.3).astype(float)
        delayed = np.vstack([before, u])
        before = delayed[-DELAY:]
        y = levels + amplitudes * np.sin(angles[0]) + 0.5 * np.sin(angles[1]) + effects * delayed[:-DELAY]
        y += rng.normal(0, 0.1, (EVENTS, STREAMS))
        yield np.stack([y, u], axis=2).reshape(-1, 2)


def measure(settings: Settings, events: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the row of each tenth of the run."""
    engine, source = Engine(settings), batches(seed)
    per_tenth = max(events // (10 * STREAMS * EVENTS), 2)
    compared = min(COMPARED, per_tenth)
    keys, steps = np.tile(np.arange(STREAMS), EVENTS), np.repeat(np.arange(EVENTS), STREAMS)
    for tenth in range(10):
        fresh = Engine(settings)
        errors, old, new, worst, non_finite, seconds = NONE, NONE, NONE, 0.0, 0, 0.0
        for number in range(per_tenth):
            x = next(source)
            times = (tenth * per_tenth + number) * EVENTS + steps.astype(float)
            start = time.process_time()
            forecasts = engine.process(keys, x, times=times)
            seconds += time.process_time() - start
            non_finite += int((~np.isfinite(forecasts)).sum())
            found = Errors.of(x, forecasts)
            errors, worst = errors + found, max(worst, found.squares / found.persistence)
            if number < compared:
                theirs = Errors.of(x, fresh.process(keys, x, times=times))
                if number >= compared // 2:
                    old, new = old + found, new + theirs
        yield {
            "tenth": tenth + 1,
            "events": engine.counts.events,
            "rmse": math.sqrt(errors.squares / errors.count),
            "persistence": math.sqrt(errors.persistence / errors.count),
            "worst_batch": math.sqrt(worst),
            "old_to_fresh": math.sqrt(old.squares / new.squares),
            "non_finite": non_finite,
            "skipped_updates": engine.counts.skipped,
            "overflows": engine.counts.overflows,
            "largest_weight": max(float(np.abs(values).max()) for values in engine.parameters.values()),
            "memory_mb": _resident_mb(),
            "microseconds_per_event": 1e6 * seconds / (per_tenth * STREAMS * EVENTS),
        }


def _resident_mb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--network", choices=NETWORKS, default="gru", help="what learns (default gru)")
    parser.add_argument(
        "--events", type=options.positive, default=50_000_000, help="events of all streams (default 50,000,000)"
    )
    parser.add_argument("--seeds", type=options.integers, default=(1,), help="of the signal (default 1)")
    arguments = parser.parse_args()
    runs = {}
    for seed in arguments.seeds:
        runs[seed] = rows = []
        for row in measure(NETWORKS[arguments.network], arguments.events, seed):
            rows.append(row)
            if not arguments.json:
                report.console.print(row)
        if not arguments.json:
            report.show(f"{arguments.network}, seed {seed}, by tenth of the run", rows)
    if arguments.json:
        report.show_json({"network": arguments.network, "seeds": runs})
        return
    report.show_machine()


if __name__ == "__main__":
    main()
