"""One network for all, one body with a readout for each stream, or a network for each: the air of twelve stations.

    python -m benchmarks.own_head --folder beijing_multisite --json

The stations' files are those of the Beijing Multi-Site Air Quality data (UCI 501): hourly, side by side. Each station
is a stream, and their events take turns. PM2.5 is forecast 1 and 24 hours ahead from itself and the weather, before it
is seen. Settings that are not named are the engine's defaults: nothing is chosen by these rows. Errors are in ug/m3,
of the forecasts made in the first events of each stream, in those after them, and in the second half of all; what a
shorter file would have given is what stands in its first events.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import baselines, beijing, report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS = ("PM2.5", "TEMP", "PRES", "DEWP", "RAIN", "WSPM")
MODELS: dict[str, dict[str, Any]] = {
    "gru, gradient readout": {"layer": "gru"},
    "lru, RLS readout": {"layer": "lru", "readout": "rls"},
}
WEIGHTS: dict[str, dict[str, Any]] = {
    "shared": {},
    "own head": {"head": "per_stream"},
    "per stream": {"weights": "per_stream"},
}
FIRST = (1_000, 8_760)
"""Events of each stream: six weeks, and a year."""


def read(folder: Path, rows: int | None) -> NDArray[np.float64]:
    """Return the stations' inputs (T, stations, I), NaN where missing."""
    return np.stack([beijing.table(file, INPUTS) for file in beijing.files(folder)], axis=1)[:rows]


def errors(forecasts: NDArray[np.float64], y: NDArray[np.float64], horizon: int) -> dict[str, float]:
    """Return MAE and RMSE of the forecasts (T, stations) of what comes `horizon` rows on, by stretch of events."""
    missed = forecasts[:-horizon] - y[horizon:]
    first, year = FIRST
    stretches = {f"first {first:,}": (0, first), f"to {year:,}": (first, year), "second half": (len(y) // 2, len(y))}
    found: dict[str, float] = {}
    for name, (begin, end) in stretches.items():
        part = missed[begin:end]
        known = part[~np.isnan(part)]
        found[f"MAE {name}"] = float(np.mean(np.abs(known))) if known.size else float("nan")
        found[f"RMSE {name}"] = float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
    return found


def run(x: NDArray[np.float64], horizon: int, seed: int, **settings: Any) -> dict[str, float]:
    """Return the errors of one run, its time for an event in us, and the memory of a stream and of what all share."""
    rows, stations, _ = x.shape
    engine = Engine(Settings(inputs=INPUTS, targets=INPUTS[:1], horizon=horizon, seed=seed, **settings))
    engine.warmup()
    keys = [f"station {station}" for station in range(stations)] * rows
    began = time.process_time()
    made = engine.process(keys, x.reshape(-1, len(INPUTS)))[:, -1, 0].reshape(rows, stations)
    took = time.process_time() - began
    return errors(made, x[:, :, 0], horizon) | {
        "us per event": took / len(keys) * 1e6,
        "bytes per stream": sum(engine.stream_bytes.values()),
    }


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="with the stations' PRSA_Data_*.csv")
    parser.add_argument("--rows", type=int, help="only so many of each station, from the first")
    parser.add_argument("--horizons", type=int, nargs="+", default=(1, 24))
    parser.add_argument("--seeds", type=int, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    x = read(options.folder, options.rows)
    found: dict[str, list[dict[str, Any]]] = {}
    for horizon in options.horizons:
        naive = errors(baselines.last_known(x[:, :, 0]), x[:, :, 0], horizon)
        table: list[dict[str, Any]] = [{"model": "last value", "weights": "-"} | naive]
        for model, settings in MODELS.items():
            for weights, more in WEIGHTS.items():
                runs = [run(x, horizon, seed, **settings, **more) for seed in range(options.seeds)]
                means = {name: float(np.mean([one[name] for one in runs])) for name in runs[0]}
                table.append({"model": model, "weights": weights} | means)
        found[f"{horizon} ahead"] = table
    if options.json:
        report.show_json({"seeds": options.seeds, "rows": x.shape[0], "stations": x.shape[1]} | found)
        return
    for title, table in found.items():
        report.show(f"PM2.5 of {x.shape[1]} stations, {title}, {options.seeds} seeds", table)
    report.show_machine()


if __name__ == "__main__":
    main()
