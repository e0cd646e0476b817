"""Write synthetic series with labelled anomalies, in the layout of the Numenta Anomaly Benchmark.

    python -m benchmarks.nab_synthetic FOLDER --seed 0
    python -m benchmarks.nab --folder FOLDER

They are more varied than a few real files, so that a detector is not fitted to those alone: constant and cyclic series
without anomalies, missing plateaus, server loads with shifts and spikes, bursts of counts, hourly prices. As in the
benchmark, the windows of a file cover a tenth of it together, each centred at its anomaly.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Generator = np.random.Generator

DAY = 288
"""Rows of a day, one every five minutes."""
WINDOW_SHARE = 0.1
START = datetime(2014, 4, 1, tzinfo=UTC)


class Series(NamedTuple):
    """Values, and the rows where an anomaly starts."""

    values: Array
    anomalies: tuple[int, ...] = ()
    minutes: int = 5
    """between rows"""


def artificial(random: Generator) -> Iterator[tuple[str, Series]]:
    """Yield two weeks of daily plateaus and other patterns; most have an anomaly on day 11."""
    rows = np.arange(14 * DAY)
    clock = rows % DAY
    by_day = (clock >= 108) & (clock < 216)
    plateau = np.where(by_day, 80.0, 20.0)
    noise = random.uniform(-1, 1, len(rows)) * np.where(by_day, 8.0, 2.0)
    wrong = slice(10 * DAY + 108, 10 * DAY + 216)
    yield "none/flatline", Series(np.full(len(rows), 45.0))
    yield "none/noisy", Series(20 + random.normal(0, 1.5, len(rows)))
    yield "none/daily_no_noise", Series(50 + 30 * np.sin(2 * np.pi * rows / DAY))
    yield "none/daily_small_noise", Series(plateau + noise / 2)
    yield "none/square_wave", Series(plateau)
    for name, level in (("up", 160.0), ("down", 5.0), ("no_jump", 20.0)):
        values = plateau + noise
        values[wrong] = level + noise[wrong] / 4
        yield f"artificial/plateau_{name}", Series(values, (wrong.start,))
    values = 50 + 30 * np.sin(2 * np.pi * rows / DAY) + random.normal(0, 1, len(rows))
    values[wrong] = values[wrong.start]
    yield "artificial/flat_middle", Series(values, (wrong.start,))
    values = random.uniform(0, 1, len(rows)) + 20.0 * (random.random(len(rows)) < 0.01)
    values[wrong] += 20.0 * (random.random(108) < 0.15)
    yield "artificial/spike_density", Series(values, (wrong.start,))
    values = random.uniform(0, 1, len(rows)) + np.where(rows % 72 < 2, random.uniform(1, 2, len(rows)), 0.0)
    values[wrong.start : wrong.start + 6] += 3.0
    yield "artificial/balancer", Series(values, (wrong.start,))


def servers(random: Generator) -> Iterator[tuple[str, Series]]:
    """Yield loads of machines: noise around a level, bursts, counts by the time of day."""
    n = 14 * DAY
    rows = np.arange(n)
    daily = 1 + 0.5 * np.sin(2 * np.pi * rows / DAY)
    for k in range(2):
        a, b = sorted(random.integers(n // 3, n - 200, 2))
        values = 0.1 + 0.02 * np.abs(random.standard_t(3, n))
        values[a : a + 3] += 1.5
        values[b:] += 0.06
        yield f"servers/cpu_low_{k}", Series(values, (a, b))
        a = int(random.integers(n // 2, n - 400))
        values = 40 + 2 * random.normal(0, 1, n) + np.where(rows % 48 == 0, 15.0, 0.0)
        values[a:] += 12
        yield f"servers/cpu_shift_{k}", Series(values, (a,))
        a = int(random.integers(n // 2, n - 400))
        values = 90 + 3 * random.normal(0, 1, n)
        values[a : a + 12] = random.uniform(0, 2, 12)
        yield f"servers/cpu_drop_{k}", Series(np.minimum(values, 100), (a,))
        a = int(random.integers(n // 2, n - 400))
        values = np.where(random.random(n) < 0.05, 1e6 * random.lognormal(0, 1, n), 0.0)
        values[a : a + 10] = 4e7
        yield f"servers/disk_{k}", Series(values, (a,))
        a, b = sorted(random.integers(n // 4, n - 100, 2))
        values = 100 * random.lognormal(0, 0.6, n) * daily
        values[a : a + 3] += 6000
        values[b : b + 20] += 1500
        yield f"servers/network_{k}", Series(values, (a, b))
        a = int(random.integers(n // 2, n - 400))
        values = random.poisson(60 * daily).astype(float)
        values[a : a + 6] += 250
        yield f"servers/requests_{k}", Series(values, (a,))
        a = int(random.integers(n // 2, n - 500))
        values = 30 + 2 * np.cumsum(random.normal(0, 0.05, n)) + random.normal(0, 0.5, n)
        values[a:] = random.uniform(0, 0.3, n - a)
        yield f"servers/group_to_zero_{k}", Series(np.maximum(values, 0), (a,))


def tweets(random: Generator) -> Iterator[tuple[str, Series]]:
    """Yield counts by the time of day, with many small bursts and a few large ones."""
    n = 55 * DAY
    rows = np.arange(n)
    for k, rate in enumerate((3.0, 12.0, 40.0, 15.0)):
        mean = rate * (1 + 0.7 * np.sin(2 * np.pi * rows / DAY)) * random.gamma(4, 0.25, n)
        for start in random.integers(0, n - 50, 80):
            mean[start : start + 40] += rate * random.pareto(2.5) * np.exp(-np.arange(40) / 8)
        begins = np.sort(random.choice(np.arange(n // 5, n - 200, 600), 3, replace=False))
        for start in begins:
            mean[start : start + 100] += rate * 25 * np.exp(-np.arange(100) / 25)
        yield f"tweets/counts_{k}", Series(random.poisson(mean).astype(float), tuple(map(int, begins)))


def prices(random: Generator) -> Iterator[tuple[str, Series]]:
    """Yield hourly prices."""
    n = 1600
    rows = np.arange(n)
    for k in range(4):
        a, b = sorted(random.integers(n // 4, n - 50, 2))
        base = 0.1 * (1 + 0.2 * np.sin(2 * np.pi * rows / 24)) if k % 2 else np.full(n, 0.6)
        values = base * random.lognormal(0, 0.12, n) + np.where(random.random(n) < 0.004, base, 0)
        values[a : a + 2] *= 5
        values[b : b + 10] *= 2.2
        yield f"prices/hourly_{k}", Series(values, (a, b), 60)


def write(folder: Path, seed: int) -> None:
    """Write all series and their labels to `folder`."""
    labels = {}
    random = np.random.default_rng(seed)
    for make in (artificial, servers, tweets, prices):
        for name, series in make(random):
            file = folder / "data" / f"{name}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            times = [START + timedelta(minutes=series.minutes * row) for row in range(len(series.values))]
            lines = [f"{time:%Y-%m-%d %H:%M:%S},{value:.6g}" for time, value in zip(times, series.values, strict=True)]
            file.write_text("\n".join(["timestamp,value", *lines, ""]))
            half = int(WINDOW_SHARE * len(times) / max(len(series.anomalies), 1) / 2)
            labels[f"{name}.csv"] = [
                [
                    f"{times[max(row - half, 0)]:%Y-%m-%d %H:%M:%S}",
                    f"{times[min(row + half, len(times) - 1)]:%Y-%m-%d %H:%M:%S}",
                ]
                for row in series.anomalies
            ]
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels, indent=1))


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to write data/ and labels/ to")
    parser.add_argument("--seed", type=int, default=0, help="seed of the series (default 0)")
    arguments = parser.parse_args()
    write(arguments.folder, arguments.seed)


if __name__ == "__main__":
    main()
