"""Streams that change at a known event: how soon the change is detected, and what each `drift` action gains.

    python -m benchmarks.drift --json
    python -m benchmarks.drift --recorded ETTm1.csv
    python -m benchmarks.drift --recorded PRSA_Data_*.csv --columns PM2.5 PM10 SO2 NO2 CO O3 TEMP PRES DEWP WSPM

Each series has 5,000 values of one process, then 2,500 of another. Stationary and recorded series have no known change.
Files given together are streams that share weights. The engine makes one prequential pass over a series, with default
settings except for the layer, the readout and `drift`. Errors are absolute errors, in standard deviations of the values
before the change.

The defaults of the drift settings were chosen on the seeds 10 and 11 of these series and on ETTh1 and ETTm1; other
seeds are used here.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import options, report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_rnn.settings.fields import DriftAction

    Array = NDArray[np.float64]

CHANGE, LENGTH = 5000, 7500
WINDOWS = (100, 500, 2500)
"""Events after the change over which errors are averaged."""
ACTIONS: tuple[DriftAction, ...] = ("report", "boost", "reset_optimizer", "reset_head")
MODELS: dict[str, dict[str, Any]] = {
    "gru, gradient": {"layer": "gru"},
    "lru, rls": {"layer": "lru", "readout": "rls"},
}


def autoregression(rng: np.random.Generator, before: float, after: float) -> Array:
    """Return x of x' = a x + noise, where a changes at the change."""
    x, noise = np.zeros(LENGTH), rng.normal(size=LENGTH)
    for t in range(1, LENGTH):
        x[t] = (before if t < CHANGE else after) * x[t - 1] + noise[t]
    return x


def waves(rng: np.random.Generator, *, period: float = 24.0, scale: float = 1.0) -> Array:
    """Return a wave of period 24 with its second harmonic and noise; the change sets another period and scale."""
    t = np.arange(LENGTH)
    turns = np.where(t < CHANGE, t / 24.0, CHANGE / 24.0 + (t - CHANGE) / period)
    x: Array = np.sin(2 * np.pi * turns) + 0.5 * np.sin(4 * np.pi * turns + 1.0) + 0.1 * rng.normal(size=LENGTH)
    return np.where(t < CHANGE, 1.0, scale) * x


def mackey_glass(rng: np.random.Generator, delay: int) -> Array:
    """Return x of dx/dt = .2 x(t - d) / (1 + x(t - d)^10) - .1 x (Mackey & Glass 1977), steps of 1, d = 17 before."""
    x = np.empty(LENGTH + 100)
    x[:100] = rng.uniform(1.1, 1.3, 100)
    for t in range(100, len(x)):
        past = x[t - (17 if t - 100 < CHANGE else delay)]
        x[t] = x[t - 1] + 0.2 * past / (1 + past**10) - 0.1 * x[t - 1]
    return x[100:]


def henon(rng: np.random.Generator, after: float) -> Array:
    """Return x of x' = 1 - a x^2 + y, y' = .3 x (Henon 1976) with noise, a = 1.4 before."""
    x, y = rng.uniform(0.1, 0.2), 0.0
    out = np.empty(LENGTH)
    for t in range(LENGTH):
        out[t] = x
        x, y = 1 - (1.4 if t < CHANGE else after) * x * x + y, 0.3 * x
    return out + 0.02 * rng.normal(size=LENGTH)


SERIES: dict[str, Callable[[np.random.Generator], Array]] = {
    "AR(1) .9 to -.9": lambda rng: autoregression(rng, 0.9, -0.9),
    "wave's period 24 to 10": lambda rng: waves(rng, period=10.0),
    "wave's scale x 5": lambda rng: waves(rng, scale=5.0),
    "Mackey-Glass delay 17 to 30": lambda rng: mackey_glass(rng, 30),
    "Henon a 1.4 to 1": lambda rng: henon(rng, 1.0),
}
STATIONARY: dict[str, Callable[[np.random.Generator], Array]] = {
    "white noise": lambda rng: rng.normal(size=LENGTH),
    "AR(1) .9": lambda rng: autoregression(rng, 0.9, 0.9),
    "noise of Student's t, 3 degrees": lambda rng: rng.standard_t(3, LENGTH),
    "wave": waves,
    "Mackey-Glass": lambda rng: mackey_glass(rng, 17),
}


STREAMS = 8


class Run(NamedTuple):
    """One engine over one series."""

    errors: Array
    """(LENGTH,) of the forecast of each value, in deviations of the values before the change; the first is NaN"""
    drifts: list[int]
    """indices of the values at which drifts were detected"""


def run(x: Array, model: dict[str, Any], **drift: Any) -> Run:
    """Run an engine over a series (LENGTH,)."""
    engine = Engine(Settings(inputs=("x",), **model, **drift))
    result = engine.process_detailed(0, x)
    return Run(_errors(x, result.forecasts[:, 0, 0]), [drift.event - 1 for drift in result.drifts])


def _errors(x: Array, forecasts: Array) -> Array:
    errors: Array = np.abs(x - np.roll(forecasts, 1)) / x[:CHANGE].std()
    errors[0] = np.nan
    return errors


def changes(seeds: range) -> list[dict[str, Any]]:
    """Return the errors after a known change, by model, series and action."""
    rows: list[dict[str, Any]] = []
    for (model, network), (series, make), action in product(MODELS.items(), SERIES.items(), ACTIONS):
        runs = [run(make(np.random.default_rng(seed)), network, drift=action) for seed in seeds]
        delays = [next((at - CHANGE for at in each.drifts if at >= CHANGE), None) for each in runs]
        rows.append(
            {
                "model": model,
                "series": series,
                "action": action,
                "before": _mean_error(runs, slice(CHANGE - 1000, CHANGE)),
                **{f"first {events:,}": _mean_error(runs, slice(CHANGE, CHANGE + events)) for events in WINDOWS},
                "delays": " ".join("-" if delay is None else str(delay) for delay in delays),
                "false alarms": sum(at < CHANGE for each in runs for at in each.drifts),
            }
        )
    return rows


def _mean_error(runs: list[Run], events: slice) -> float:
    return float(np.mean([each.errors[events].mean() for each in runs]))


def alarms(seeds: range) -> list[dict[str, Any]]:
    """Return the number of drifts detected in stationary series."""
    return [
        {
            "model": model,
            "series": name,
            "events": len(seeds) * LENGTH,
            "false alarms": sum(
                len(run(make(np.random.default_rng(seed)), network, drift="report").drifts) for seed in seeds
            ),
        }
        for model, network in MODELS.items()
        for name, make in STATIONARY.items()
    ]


def read(files: list[Path], columns: list[str]) -> tuple[list[str], Array]:
    """Return column names, by default of all numeric columns, and the values (T, files, columns) of CSV files."""
    convert = csv.ConvertOptions(null_values=["", " ", "NA"], quoted_strings_can_be_null=True)
    tables = [csv.read_csv(file, convert_options=convert) for file in files]
    numeric = [field.name for field in tables[0].schema if _is_numeric(field.type)]
    names, rows = columns or numeric, min(table.num_rows for table in tables)
    values = [[table[name].cast(pa.float64()).to_numpy()[:rows] for name in names] for table in tables]
    return names, np.transpose(values, (2, 0, 1))


def _is_numeric(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_floating(dtype) or pa.types.is_integer(dtype))


def recorded(files: list[Path], columns: list[str]) -> list[dict[str, Any]]:
    """Return the drifts detected in recordings, and the error with each action."""
    names, x = read(files, columns)
    rows: list[dict[str, Any]] = []
    for (model, network), action in product(MODELS.items(), ACTIONS):
        engine = Engine(Settings(inputs=tuple(names), **network, drift=action))
        forecasts = engine.process(list(range(len(files))) * len(x), x.reshape(-1, len(names))).reshape(x.shape)
        rows.append(
            {
                "model": model,
                "action": action,
                "events": len(x) * len(files),
                "drifts": engine.counts.drifts,
                "in rows": " ".join(str((drift.event - 1) // len(files)) for drift in engine.drifts),
                "mse": float(np.nanmean(((forecasts[:-1] - x[1:]) / np.nanstd(x, axis=(0, 1))) ** 2)),
            }
        )
    return rows


def neighbours(seeds: range) -> list[dict[str, Any]]:
    """Return the errors of one stream that changes and of seven that share its weights and do not, by action."""
    rows: list[dict[str, Any]] = []
    for (model, network), action in product(MODELS.items(), ACTIONS):
        changed, others, drifts = [], [], 0
        for seed in seeds:
            rng = np.random.default_rng(seed)
            x = np.stack([waves(rng, period=10.0), *(waves(rng) for _ in range(STREAMS - 1))], axis=1)
            engine = Engine(Settings(inputs=("x",), **network, drift=action))
            forecasts = engine.process(list(range(STREAMS)) * LENGTH, x.reshape(-1, 1)).reshape(LENGTH, STREAMS)
            errors = [_errors(x[:, s], forecasts[:, s])[CHANGE : CHANGE + WINDOWS[1]].mean() for s in range(STREAMS)]
            changed.append(errors[0])
            others.append(np.mean(errors[1:]))
            drifts += engine.counts.drifts
        rows.append(
            {
                "model": model,
                "action": action,
                "changed stream": float(np.mean(changed)),
                "seven others": float(np.mean(others)),
                "drifts": drifts,
            }
        )
    return rows


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    parser.add_argument("--recorded", type=Path, nargs="+", metavar="FILE", help="run on these CSV files instead")
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="input columns of the files (default all numeric ones)",
    )
    arguments = parser.parse_args()
    if arguments.recorded:
        tables = {"recorded series": recorded(arguments.recorded, arguments.columns)}
    else:
        seeds = range(arguments.seeds)
        tables = {
            f"mean absolute error after a change, {arguments.seeds} seeds": changes(seeds),
            "drifts found where nothing changes": alarms(seeds),
            f"one of {STREAMS} streams changes, error over {WINDOWS[1]} events of each": neighbours(seeds),
        }
    if arguments.json:
        report.show_json(tables)
        return
    for title, rows in tables.items():
        report.show(title, rows)
    report.show_machine()


if __name__ == "__main__":
    main()
