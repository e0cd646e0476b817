"""Forecast errors compared with published figures and simple models: the FSNet protocol, and PM2.5 in Beijing.

    python -m benchmarks.accuracy --json
    python -m benchmarks.accuracy --file ETTm1.csv --horizon 24
    python -m benchmarks.accuracy --file ETTh1.csv --preset none --setting hidden=64 --seeds 5

Without ``--file``, all of these are measured: ETTm1 and ETTh1 one row ahead, ETTm1 1 to 24 rows ahead, PM2.5 at the
Beijing stations 1 and 24 hours ahead. The engine makes one prequential pass: it forecasts each row before it learns
from it, and learns a target when it has arrived. Settings that are not given are those of the preset. Nothing is tuned
on the test rows; the baselines choose lags and forgetting on training rows only. The published methods first train on
the training rows for 6 to 15 epochs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import baselines, beijing, fsnet, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings
from stream_rnn.errors import SettingError
from stream_rnn.settings.presets import PRESETS

ETT_RUNS = (("ETTm1", 1), ("ETTh1", 1), ("ETTm1", 24))
"""Files, each with a horizon in rows."""
BEIJING_HORIZONS = (1, 24)
"""Hours ahead."""
FIXED_BY_PROTOCOL = {"inputs", "targets", "task", "horizon", "seed", "preset"}
"""Settings that ``--setting`` cannot change."""


def run_engine(table: fsnet.Table, settings: Settings) -> tuple[dict[str, float], float]:
    """Return the engine's errors on the test rows, and the duration of the run in seconds."""
    engine = Engine(settings)
    engine.warmup()
    start = time.perf_counter()
    forecasts = engine.process(0, table.z, times=table.times)
    seconds = time.perf_counter() - start
    return table.score(forecasts), seconds


def measure_baselines(table: fsnet.Table, horizon: int) -> dict[str, dict[str, Any] | None]:
    """Return the errors of the baselines; of the linear ones also the chosen lags and forgetting."""
    train, day = table.rows.train[1], table.day
    errors: dict[str, dict[str, Any] | None] = {
        "persistence": table.score(baselines.persistence(table.z, horizon)),
        "seasonal_naive": None,
    }
    if day:
        errors["seasonal_naive"] = table.score(baselines.seasonal_naive(table.z, day, horizon)) | {"season": day}
    for name, model in (("online_ar", baselines.online_ar), ("online_var", baselines.online_var)):
        chosen = model(table.z, train, horizon)
        errors[name] = table.score(chosen.forecasts) | {"lags": chosen.lags, "forgetting": chosen.forgetting}
    for name, values in baselines.ENGINES.items():
        settings = Settings.parse(values | {"inputs": table.columns, "horizon": horizon})
        errors[name] = run_engine(table, settings)[0]
    return errors


def measure(path: Path, horizon: int, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Run every seed and the baselines on one file."""
    table = fsnet.read(path)
    runs, total_seconds = [], 0.0
    for seed in range(seeds):
        settings = Settings.parse({"inputs": table.columns, "horizon": horizon, "seed": seed, **values})
        errors, seconds = run_engine(table, settings)
        runs.append({"seed": seed, **errors})
        total_seconds += seconds
    return {
        "file": path.name,
        "horizon": horizon,
        "mse": float(np.mean([run["mse"] for run in runs])),
        "mae": float(np.mean([run["mae"] for run in runs])),
        "seeds": runs,
        "baselines": measure_baselines(table, horizon),
        "rows": {"train": table.rows.train, "test": table.rows.test},
        "seconds": total_seconds,
        "microseconds": 1e6 * total_seconds / (seeds * len(table.z)),
        "settings": settings.describe(),
    }


def measure_all(folder: Path, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Run the ETT files and the Beijing stations of a data folder."""
    results: dict[str, Any] = {
        f"{name} {horizon}": measure(folder / "ett" / f"{name}.csv", horizon, values, seeds)
        for name, horizon in ETT_RUNS
    }
    stations = beijing.read(folder / "beijing_multisite")
    return results | {
        f"beijing {horizon}": beijing.measure(stations, horizon, values, seeds) for horizon in BEIJING_HORIZONS
    }


def show(title: str, result: dict[str, Any]) -> None:
    """Print one table."""
    metrics = [metric for metric in ("mse", "mae", "rmse") if metric in result]
    rows: list[dict[str, Any]] = [{"model": "stream_rnn"} | {metric: result[metric] for metric in metrics}]
    rows += [{"model": model, **(errors or {})} for model, errors in result["baselines"].items()]
    report.show(title, rows)
    by_seed = ", ".join(f"{run[metrics[0]]:.4f}" for run in result["seeds"])
    report.console.print(f"{metrics[0]} of each seed: {by_seed}; {result['microseconds']:.1f} us per event")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name in FIXED_BY_PROTOCOL:
        raise argparse.ArgumentTypeError(
            f"must be name=value, for a setting that the protocol does not fix ({', '.join(sorted(FIXED_BY_PROTOCOL))}"
            f" are fixed), got {text!r}"
        )
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--file", type=Path, help="CSV file: a date, then numeric columns")
    parser.add_argument("--horizon", type=options.positive, default=1, help="rows ahead, with --file (default 1)")
    parser.add_argument(
        "--folder", type=Path, default=DATA, help="data folder, without --file (default ../shared/data)"
    )
    parser.add_argument(
        "--preset", choices=[*PRESETS, "none"], default="forecast", help="preset; none for the engine's defaults"
    )
    parser.add_argument("--hidden", type=options.positive, help="number of units")
    parser.add_argument("--window", type=options.positive, help="events through which errors are backpropagated")
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    parser.add_argument("--setting", type=_setting, action="append", default=[], help="name=value, any engine setting")
    arguments = parser.parse_args()
    preset = None if arguments.preset == "none" else arguments.preset
    given = {"preset": preset, "hidden": arguments.hidden, "window": arguments.window} | dict(arguments.setting)
    values = {name: value for name, value in given.items() if value is not None}
    try:
        if arguments.file is not None:
            results = measure(arguments.file, arguments.horizon, values, arguments.seeds)
            tables = {f"{arguments.file.name}, 1 to {arguments.horizon} rows ahead, mean over all": results}
        else:
            results = tables = measure_all(arguments.folder, values, arguments.seeds)
    except SettingError as error:
        raise SystemExit(str(error)) from None
    if arguments.json:
        report.show_json(results)
        return
    for title, table in tables.items():
        show(title, table)
    report.show_machine()


if __name__ == "__main__":
    main()
