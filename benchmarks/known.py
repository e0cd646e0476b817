"""Errors of forecasts of a load that follows a plan: without the plan's future, with `known`, and with leads by hand.

    python -m benchmarks.known
    python -m benchmarks.known --seeds 10 --rows 20000

The plan is a daily cycle with steps that the past does not show; the load follows it with a lag and noise of 1 % of the
plan's deviation. The errors of the second half are scored, over all horizons, relative to those of persistence.
"""

from __future__ import annotations

import argparse
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks import report
from stream_rnn import frames

HORIZON = 6
PRESETS = ("linear", "forecast", "auto")
NOISE = 0.01


class Run(NamedTuple):
    """A backtest."""

    error: float
    """mean absolute error of the second half, over that of persistence"""
    seconds: float
    """processor time"""


def planned_load(rows: int, seed: int) -> pd.DataFrame:
    """Return hours with a plan and a load that follows it."""
    generator = np.random.default_rng(seed)
    hours = np.arange(rows)
    steps = np.repeat(generator.normal(size=rows // 4 + 1), 4)[:rows]
    plan = np.sin(hours * 2 * np.pi / 24) + steps + 0.5 * generator.normal(size=rows)
    lagged = plan.copy()
    for hour in range(1, rows):
        lagged[hour] = 0.7 * plan[hour] + 0.3 * lagged[hour - 1]
    load = lagged + NOISE * plan.std() * generator.normal(size=rows)
    return pd.DataFrame({"hour": pd.date_range("2025-01-01", periods=rows, freq="h"), "load": load, "plan": plan})


def with_leads(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the next values of the plan as columns."""
    return frame.assign(**{f"plan+{k}": frame["plan"].shift(-k) for k in range(1, HORIZON + 1)})


def run(frame: pd.DataFrame, preset: str, **options: Any) -> Run:
    """Backtest a frame."""
    start = process_time()
    found = frames.backtest(frame, time="hour", targets="load", horizon=HORIZON, preset=preset, **options)
    seconds = process_time() - start
    load, count = frame["load"].to_numpy(), len(frame)
    forecasts = found.forecasts["forecast"].to_numpy().reshape(count, HORIZON)
    origins = np.arange(count // 2, count - HORIZON)
    truth = np.stack([load[origins + k] for k in range(1, HORIZON + 1)], axis=1)
    persistence = np.abs(truth - load[origins, np.newaxis]).mean()
    return Run(float(np.abs(truth - forecasts[origins]).mean() / persistence), seconds)


def main() -> None:
    """Run the backtests, and print their errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4000)
    arguments = parser.parse_args()
    rows = []
    for preset in PRESETS:
        run(planned_load(200, 0), preset, known="plan")  # compiles
        ways: dict[str, list[Run]] = {"without": [], "known": [], "by hand": []}
        for seed in range(arguments.seeds):
            frame = planned_load(arguments.rows, seed)
            ways["without"].append(run(frame, preset))
            ways["known"].append(run(frame, preset, known="plan"))
            ways["by hand"].append(run(with_leads(frame), preset))
        base = np.mean([way.seconds for way in ways["without"]])
        for name, runs in ways.items():
            errors = np.array([way.error for way in runs])
            rows.append({
                "preset": preset,
                "plan": name,
                "mean": float(errors.mean()),
                "lowest": float(errors.min()),
                "highest": float(errors.max()),
                "time": float(np.mean([way.seconds for way in runs]) / base),
            })  # fmt: skip
    report.show(f"Planned load, {arguments.rows:,} hours, {arguments.seeds} seeds: error relative to persistence", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
