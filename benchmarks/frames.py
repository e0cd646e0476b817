"""`backtest` of a pandas frame of a million rows, compared with `Engine.process` on the same arrays.

    python -m benchmarks.frames
    python -m benchmarks.frames --events 200000 --rounds 5

The frame has 100 streams and 8 inputs, one of which is forecast three events ahead; the model is the same in both.
The time of `backtest` includes creating the frames of tidy forecasts (horizon times as many rows) and of scores. The
two take turns. Processor time is measured, and the share is computed from the medians.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import options, report
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings
from stream_rnn.frames import backtest

STREAMS, STEP = 100, 60.0
COLUMNS = tuple(f"x{i}" for i in range(8))
MODEL: dict[str, Any] = {
    "inputs": COLUMNS,
    "targets": COLUMNS[0],
    "horizon": 3,
    "layer": "gru",
    "hidden": 32,
    "window": 16,
    "seed": 0,
}


def measure(events: int, rounds: int) -> dict[str, Any]:
    """Return the rates of `Engine.process` and of `backtest`, and their ratio."""
    frame = _frame(events)
    keys, times, x = frame["sensor"].to_numpy(), frame["time"].to_numpy(), frame[list(COLUMNS)].to_numpy()
    backtest(frame[:1000], key="sensor", **MODEL)  # compiles if necessary
    process, frames = list[float](), list[float]()
    for _ in range(rounds):
        engine = Engine(Settings(**MODEL))
        start = now()
        engine.process(keys, x, times=times)
        process.append(events / since(start))
        start = now()
        result = backtest(frame, key="sensor", **MODEL)
        rows = len(result.forecasts), len(result.scores)
        frames.append(events / since(start))
    rates = statistics.median(process), statistics.median(frames)
    return {
        "events": events,
        "process, events/s": rates[0],
        "backtest, events/s": rates[1],
        "share": rates[1] / rates[0],
        "forecast rows": rows[0],
        "score rows": rows[1],
    }


def _frame(count: int) -> pd.DataFrame:
    """Return smooth noisy columns, like those of sensors, one stream after another in each minute."""
    rng = np.random.default_rng(0)
    numbers = np.arange(count) % STREAMS
    seconds = 1.7e9 + STEP * (np.arange(count) // STREAMS)
    phase = seconds[:, np.newaxis] / (1000.0 + 100 * np.arange(len(COLUMNS))) + numbers[:, np.newaxis]
    x = 20 + np.sin(phase) + 0.1 * rng.standard_normal(phase.shape)
    names = np.array([f"sensor-{number:03}" for number in range(STREAMS)], object)
    frame = pd.DataFrame(x, columns=list(COLUMNS))
    frame.insert(0, "sensor", names[numbers])
    frame.insert(0, "time", pd.to_datetime(seconds, unit="s"))
    return frame


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--events", type=options.positive, default=1_000_000)
    parser.add_argument("--rounds", type=options.positive, default=3)
    arguments = parser.parse_args()
    result = measure(arguments.events, arguments.rounds)
    if arguments.json:
        report.show_json(result)
    else:
        report.show("A pandas frame", [result])
        report.show_machine()


if __name__ == "__main__":
    main()
