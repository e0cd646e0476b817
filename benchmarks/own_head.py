"""Air quality at twelve stations: one network for all, a shared body with a readout per stream, or one network each.

    python -m benchmarks.own_head --folder beijing_multisite --json

The data are the Beijing Multi-Site Air Quality files (UCI 501), hourly and for the same hours. Each station is a
stream; the stations' events take turns. PM2.5 is forecast 1 and 24 hours ahead from itself and the weather, in one
prequential pass. Other settings are the engine's defaults; nothing is tuned on these rows. Errors are in ug/m3, for the
forecasts made in each stream's first 1,000 events, from there to event 8,760, and in the second half. Shorter files
would have given the same errors in their first events.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import baselines, beijing, options, report
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
STRETCH_ENDS = (1_000, 8_760)
"""Events of each stream: six weeks, and a year."""


def read(folder: Path, rows: int | None) -> NDArray[np.float64]:
    """Return the stations' inputs (T, stations, I), NaN where missing."""
    return np.stack([beijing.table(file, INPUTS) for file in beijing.files(folder)], axis=1)[:rows]


def errors(forecasts: NDArray[np.float64], y: NDArray[np.float64], horizon: int) -> dict[str, float]:
    """Return MAE and RMSE of the forecasts (T, stations) of the rows `horizon` later, by stretch of events."""
    all_errors = forecasts[:-horizon] - y[horizon:]
    weeks, year = STRETCH_ENDS
    stretches = {f"first {weeks:,}": (0, weeks), f"to {year:,}": (weeks, year), "second half": (len(y) // 2, len(y))}
    scores: dict[str, float] = {}
    for name, (start, stop) in stretches.items():
        part = all_errors[start:stop]
        known = part[~np.isnan(part)]
        scores[f"MAE {name}"] = float(np.mean(np.abs(known))) if known.size else float("nan")
        scores[f"RMSE {name}"] = float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
    return scores


def run(x: NDArray[np.float64], horizon: int, seed: int, **settings: Any) -> dict[str, float]:
    """Return the errors of one run, its processor time per event in us, and the memory of a stream in bytes."""
    rows, stations, _ = x.shape
    engine = Engine(Settings(inputs=INPUTS, targets=INPUTS[:1], horizon=horizon, seed=seed, **settings))
    engine.warmup()
    keys = [f"station {station}" for station in range(stations)] * rows
    start = time.process_time()
    forecasts = engine.process(keys, x.reshape(-1, len(INPUTS)))[:, -1, 0].reshape(rows, stations)
    seconds = time.process_time() - start
    return errors(forecasts, x[:, :, 0], horizon) | {
        "us per event": seconds / len(keys) * 1e6,
        "bytes per stream": sum(engine.stream_bytes.values()),
    }


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the stations' PRSA_Data_*.csv")
    parser.add_argument("--rows", type=options.positive, help="use only the first rows of each station")
    parser.add_argument("--horizons", type=options.positive, nargs="+", default=(1, 24), help="hours (default 1 24)")
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    x = read(arguments.folder, arguments.rows)
    results: dict[str, list[dict[str, Any]]] = {}
    for horizon in arguments.horizons:
        naive = errors(baselines.last_known(x[:, :, 0]), x[:, :, 0], horizon)
        table: list[dict[str, Any]] = [{"model": "last value", "weights": "-"} | naive]
        for model, settings in MODELS.items():
            for weights, sharing in WEIGHTS.items():
                runs = [run(x, horizon, seed, **settings, **sharing) for seed in range(arguments.seeds)]
                means = {name: float(np.mean([each[name] for each in runs])) for name in runs[0]}
                table.append({"model": model, "weights": weights} | means)
        results[f"{horizon} ahead"] = table
    if arguments.json:
        report.show_json({"seeds": arguments.seeds, "rows": x.shape[0], "stations": x.shape[1]} | results)
        return
    for title, table in results.items():
        report.show(f"PM2.5 of {x.shape[1]} stations, {title}, {arguments.seeds} seeds", table)
    report.show_machine()


if __name__ == "__main__":
    main()
