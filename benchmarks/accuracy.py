"""Forecasting one step ahead by the FSNet protocol, on any file of it.

    python -m benchmarks.accuracy --file ETTm1.csv --json
    python -m benchmarks.accuracy --file ETTh1.csv --hidden 64 --seeds 5 --setting learning_rate=0.002

The engine runs once over the rows, forecasting each before learning from it, and is not tuned here: settings that are
not named are the engine's defaults. Nothing is chosen by the test rows, and the baselines choose by training rows
alone. The published methods of this line train for 6 to 15 epochs on the training rows first.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import baselines, fsnet, report
from stream_rnn import Engine, Settings
from stream_rnn.errors import SettingError


def engine_run(table: fsnet.Table, settings: Settings) -> tuple[dict[str, float], float]:
    """Return the engine's errors on the test rows, and the seconds that the run took."""
    engine = Engine(settings)
    engine.warmup()
    began = time.perf_counter()
    made = engine.process(0, table.z, times=table.times)  # (N, 1, D), each of the row after
    seconds = time.perf_counter() - began
    return table.score(np.roll(made[:, 0], 1, axis=0)), seconds


def compare(table: fsnet.Table) -> dict[str, dict[str, Any] | None]:
    """Return the baselines' errors, and what the linear ones were chosen to be."""
    train, day = table.rows.train[1], table.day
    found: dict[str, dict[str, Any] | None] = {
        "persistence": table.score(baselines.persistence(table.z)),
        "seasonal_naive": table.score(baselines.seasonal_naive(table.z, day)) | {"season": day} if day else None,
    }
    for name, model in (("online_ar", baselines.online_ar), ("online_var", baselines.online_var)):
        chosen = model(table.z, train)
        found[name] = table.score(chosen.forecasts) | {"lags": chosen.lags, "forgetting": chosen.forgetting}
    return found


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run every seed and the baselines on one file."""
    table = fsnet.read(options.file)
    named = {"hidden": options.hidden, "window": options.window} | dict(options.setting)
    values = {name: value for name, value in named.items() if value is not None}
    runs, seconds = [], 0.0
    for seed in range(options.seeds):
        try:
            settings = Settings.parse({"inputs": table.columns, "seed": seed, **values})
        except SettingError as error:
            raise SystemExit(str(error)) from None
        scores, took = engine_run(table, settings)
        runs.append({"seed": seed, **scores})
        seconds += took
    return {
        "file": options.file.name,
        "mse": float(np.mean([run["mse"] for run in runs])),
        "mae": float(np.mean([run["mae"] for run in runs])),
        "seeds": runs,
        "baselines": compare(table),
        "rows": {"train": table.rows.train, "test": table.rows.test},
        "seconds": seconds,
        "events_per_second": options.seeds * len(table.z) / seconds,
        "settings": settings.describe(),
    }


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name in {"inputs", "targets", "task", "horizon", "seed"}:
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
    parser.add_argument("--file", type=Path, required=True, help="CSV: a date, then numbers")
    parser.add_argument("--hidden", type=_positive, help="units")
    parser.add_argument("--window", type=_positive, help="events that an error is carried back through")
    parser.add_argument("--seeds", type=_positive, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--setting", type=_setting, action="append", default=[], help="name=value, any of the engine's")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    if options.json:
        report.show_json(found)
        return
    models = {"stream_rnn": {"mse": found["mse"], "mae": found["mae"]}} | found["baselines"]
    report.show(
        f"{found['file']}, one step ahead, test rows {found['rows']['test'][0]} to {found['rows']['test'][1] - 1}",
        [{"model": name, **(scores or {})} for name, scores in models.items()],
    )
    spread = ", ".join(f"{run['mse']:.4f}" for run in found["seeds"])
    report.console.print(f"mse of each seed: {spread}; {found['events_per_second']:,.0f} events/s")
    report.show_machine()


if __name__ == "__main__":
    main()
