"""Forecasts against published figures and simple models: the FSNet protocol's files, and many streams at once.

    python -m benchmarks.accuracy --json
    python -m benchmarks.accuracy --file ETTm1.csv --horizon 24
    python -m benchmarks.accuracy --file ETTh1.csv --preset none --setting hidden=64 --seeds 5

Without a file, all that is in the folder of data: ETTm1 and ETTh1 one row ahead, ETTm1 1..24 rows ahead, PM2.5 at the
Beijing stations 1 and 24 hours ahead. The engine runs once over the rows, forecasting each before learning from it, and
learns of a row when it has come. It is not tuned here: settings that are not named are the preset's. Nothing is chosen
by the test rows, and the baselines choose by training rows alone. The published methods of this line train for 6 to 15
epochs on the training rows first.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import baselines, beijing, fsnet, report
from stream_rnn import Engine, Settings
from stream_rnn.errors import SettingError
from stream_rnn.settings.presets import PRESETS

FOLDER = Path("../shared/data")
FILES = (("ETTm1", 1), ("ETTh1", 1), ("ETTm1", 24))
HOURS = (1, 24)


def engine_run(table: fsnet.Table, settings: Settings) -> tuple[dict[str, float], float]:
    """Return the engine's errors on the test rows, and the seconds that the run took."""
    engine = Engine(settings)
    engine.warmup()
    began = time.perf_counter()
    made = engine.process(0, table.z, times=table.times)
    seconds = time.perf_counter() - began
    return table.score(made), seconds


def compare(table: fsnet.Table, horizon: int) -> dict[str, dict[str, Any] | None]:
    """Return the baselines' errors, and what the linear ones were chosen to be."""
    train, day = table.rows.train[1], table.day
    found: dict[str, dict[str, Any] | None] = {
        "persistence": table.score(baselines.persistence(table.z, horizon)),
        "seasonal_naive": None,
    }
    if day:
        found["seasonal_naive"] = table.score(baselines.seasonal_naive(table.z, day, horizon)) | {"season": day}
    for name, model in (("online_ar", baselines.online_ar), ("online_var", baselines.online_var)):
        chosen = model(table.z, train, horizon)
        found[name] = table.score(chosen.forecasts) | {"lags": chosen.lags, "forgetting": chosen.forgetting}
    for name, values in baselines.ENGINES.items():
        settings = Settings.parse(values | {"inputs": table.columns, "horizon": horizon})
        found[name] = engine_run(table, settings)[0]
    return found


def measure(path: Path, horizon: int, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Run every seed and the baselines on one file."""
    table = fsnet.read(path)
    runs, seconds = [], 0.0
    for seed in range(seeds):
        settings = Settings.parse({"inputs": table.columns, "horizon": horizon, "seed": seed, **values})
        scores, took = engine_run(table, settings)
        runs.append({"seed": seed, **scores})
        seconds += took
    return {
        "file": path.name,
        "horizon": horizon,
        "mse": float(np.mean([run["mse"] for run in runs])),
        "mae": float(np.mean([run["mae"] for run in runs])),
        "seeds": runs,
        "baselines": compare(table, horizon),
        "rows": {"train": table.rows.train, "test": table.rows.test},
        "seconds": seconds,
        "microseconds": 1e6 * seconds / (seeds * len(table.z)),
        "settings": settings.describe(),
    }


def measure_all(folder: Path, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Run all that is in the folder of data."""
    found: dict[str, Any] = {
        f"{name} {horizon}": measure(folder / "ett" / f"{name}.csv", horizon, values, seeds) for name, horizon in FILES
    }
    stations = beijing.read(folder / "beijing_multisite")
    return found | {f"beijing {ahead}": beijing.measure(stations, ahead, values, seeds) for ahead in HOURS}


def show(name: str, found: dict[str, Any]) -> None:
    """Print one table."""
    measures = [measure for measure in ("mse", "mae", "rmse") if measure in found]
    rows: list[dict[str, Any]] = [{"model": "stream_rnn"} | {measure: found[measure] for measure in measures}]
    rows += [{"model": model, **(scores or {})} for model, scores in found["baselines"].items()]
    report.show(name, rows)
    spread = ", ".join(f"{run[measures[0]]:.4f}" for run in found["seeds"])
    report.console.print(f"{measures[0]} of each seed: {spread}; {found['microseconds']:.1f} us an event")


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name in {"inputs", "targets", "task", "horizon", "seed", "preset"}:
        raise argparse.ArgumentTypeError(f"must be name=value, and not what the protocol fixes, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return int(text)


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="CSV: a date, then numbers")
    parser.add_argument("--horizon", type=_positive, default=1, help="rows ahead, with --file")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"of data, without --file; {FOLDER}")
    parser.add_argument("--preset", choices=[*PRESETS, "none"], default="forecast", help="none: the engine's defaults")
    parser.add_argument("--hidden", type=_positive, help="units")
    parser.add_argument("--window", type=_positive, help="events that an error is carried back through")
    parser.add_argument("--seeds", type=_positive, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--setting", type=_setting, action="append", default=[], help="name=value, any of the engine's")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    preset = None if options.preset == "none" else options.preset
    named = {"preset": preset, "hidden": options.hidden, "window": options.window} | dict(options.setting)
    values = {name: value for name, value in named.items() if value is not None}
    try:
        if options.file is not None:
            found = measure(options.file, options.horizon, values, options.seeds)
            tables = {f"{options.file.name}, 1 to {options.horizon} rows ahead, mean over all": found}
        else:
            found = tables = measure_all(options.folder, values, options.seeds)
    except SettingError as error:
        raise SystemExit(str(error)) from None
    if options.json:
        report.show_json(found)
        return
    for name, table in tables.items():
        show(name, table)
    report.show_machine()


if __name__ == "__main__":
    main()
