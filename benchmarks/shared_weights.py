"""Errors of one network by the number of streams that it learns from.

    python -m benchmarks.shared_weights --streams 1 10 100 1000

Each stream has eight noisy sine waves with phases of its own; the first is forecast one to three events ahead with
default settings. Results are mean squared errors on the second half of the events, relative to persistence's: below 1
is better than the last value. The total number of events is the same for every number of streams, so more streams are
shorter ones. With many streams, other streams update the shared weights many times between a forecast and its target.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import options, report
from stream_rnn import Engine, Settings

EVENTS = 150_000
HORIZON = 3
INPUTS = tuple(f"x{i}" for i in range(8))


def measure(streams: int, seed: int) -> list[float]:
    """Return the error relative to persistence's for each horizon."""
    rng = np.random.default_rng(seed)
    steps = EVENTS // streams
    phase = np.arange(steps)[:, np.newaxis, np.newaxis] / (10.0 + np.arange(len(INPUTS)))  # (T, 1, 8)
    shift = rng.uniform(0, 2 * np.pi, (streams, len(INPUTS)))
    x = np.sin(phase + shift) + 0.1 * rng.standard_normal((steps, streams, len(INPUTS)))
    engine = Engine(Settings(inputs=INPUTS, targets=INPUTS[:1], horizon=HORIZON, seed=seed))
    forecasts = engine.process(np.tile(np.arange(streams), steps), x.reshape(-1, len(INPUTS)))
    forecasts, y = forecasts.reshape(steps, streams, HORIZON), x[:, :, 0]
    half, ratios = steps // 2, []
    for ahead in range(1, HORIZON + 1):
        forecast, last, target = forecasts[half:-ahead, :, ahead - 1], y[half:-ahead], y[half + ahead :]
        ratios.append(float(np.mean((forecast - target) ** 2) / np.mean((last - target) ** 2)))
    return ratios


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument(
        "--streams",
        type=options.positive,
        nargs="+",
        default=(1, 10, 100, 1000),
        help="numbers of streams (default 1 10 100 1000)",
    )
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for streams in arguments.streams:
        ratios = np.mean([measure(streams, seed) for seed in range(arguments.seeds)], axis=0)
        rows.append({"streams": streams} | {f"{ahead} ahead": float(ratio) for ahead, ratio in enumerate(ratios, 1)})
    if arguments.json:
        report.show_json({"mse_over_persistence": rows, "seeds": arguments.seeds, "events": EVENTS})
        return
    report.show(f"Mean squared error relative to persistence, {arguments.seeds} seeds", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
