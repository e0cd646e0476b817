"""Whether one network learns from many streams that take turns as well as from one.

    python -m benchmarks.shared_weights --streams 1 10 100 1000

Eight noisy sine waves a stream, each with phases of its own; the first is forecast one to three events ahead with the
default settings. The figure is the mean squared error over persistence's on the second half: below 1 is better than
the last value. The number of events is the same for every number of streams, so more streams means shorter ones; an
error that is learned from late, when other streams have moved the weights on, shows here and nowhere else.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks import report
from stream_rnn import Engine, Settings

EVENTS = 150_000
HORIZON = 3
INPUTS = tuple(f"x{i}" for i in range(8))


def measure(streams: int, seed: int) -> list[float]:
    """Return the error over persistence's for each horizon."""
    rng = np.random.default_rng(seed)
    steps = EVENTS // streams
    phase = np.arange(steps)[:, np.newaxis, np.newaxis] / (10.0 + np.arange(len(INPUTS)))  # (T, 1, 8)
    own = rng.uniform(0, 2 * np.pi, (streams, len(INPUTS)))
    x = np.sin(phase + own) + 0.1 * rng.standard_normal((steps, streams, len(INPUTS)))
    engine = Engine(Settings(inputs=INPUTS, targets=INPUTS[:1], horizon=HORIZON, seed=seed))
    made = engine.process(np.tile(np.arange(streams), steps), x.reshape(-1, len(INPUTS)))
    forecasts, y = made.reshape(steps, streams, HORIZON), x[:, :, 0]
    half, ratios = steps // 2, []
    for ahead in range(1, HORIZON + 1):
        said, naive, came = forecasts[half:-ahead, :, ahead - 1], y[half:-ahead], y[half + ahead :]
        ratios.append(float(np.mean((said - came) ** 2) / np.mean((naive - came) ** 2)))
    return ratios


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, nargs="+", default=(1, 10, 100, 1000))
    parser.add_argument("--seeds", type=int, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for streams in options.streams:
        ratios = np.mean([measure(streams, seed) for seed in range(options.seeds)], axis=0)
        rows.append({"streams": streams} | {f"{ahead} ahead": float(ratio) for ahead, ratio in enumerate(ratios, 1)})
    if options.json:
        report.show_json({"mse_over_persistence": rows, "seeds": options.seeds, "events": EVENTS})
        return
    report.show(f"Mean squared error over persistence's, {options.seeds} seeds", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
