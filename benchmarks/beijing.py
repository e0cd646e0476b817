"""Forecasts for many streams: PM2.5 at the Beijing stations, some hours ahead. Each station is a stream.

The engine processes the stations' rows hour by hour, with all numbers of a row as inputs; it forecasts from a row
before it sees any later one. Rows from `BURN_IN` on are scored, where the true value is known. The linear baselines run
on each station separately and are selected on the rows before `BURN_IN`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pyarrow import csv

from benchmarks import baselines
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TARGET = "PM2.5"
INPUTS = ("PM2.5", "PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "WSPM")
BURN_IN = 8760
"""Rows of a station that are not scored: its first year."""
DAY = 24


class Stations(NamedTuple):
    """Rows of all stations, for the same hours."""

    names: tuple[str, ...]
    times: NDArray[np.float64]
    """(N,) seconds since the Unix epoch"""
    x: NDArray[np.float64]
    """(N, S, I), NaN where missing"""

    @property
    def target(self) -> NDArray[np.float64]:
        """The forecast column, (N, S)."""
        return self.x[:, :, INPUTS.index(TARGET)]

    def score(self, forecasts: NDArray[np.float64], horizon: int) -> dict[str, float]:
        """Return the errors of the forecasts (N, S) that each row makes of the row `horizon` rows later."""
        errors = (forecasts[:-horizon] - self.target[horizon:])[BURN_IN - horizon :]
        return {"mae": float(np.nanmean(np.abs(errors))), "rmse": float(np.sqrt(np.nanmean(errors**2)))}


def files(folder: Path) -> list[Path]:
    """Return the stations' files in a folder.

    Raises
    ------
    SystemExit
        If there are none.
    """
    paths = sorted(folder.glob("PRSA_Data_*.csv"))
    if not paths:
        raise SystemExit(f"no PRSA_Data_*.csv in {folder}")
    return paths


def table(file: Path, columns: tuple[str, ...] = INPUTS) -> NDArray[np.float64]:
    """Return columns of a station's file (N, columns), NaN where missing."""
    convert = csv.ConvertOptions(include_columns=columns, null_values=["NA", " "], strings_can_be_null=True)
    rows = csv.read_csv(file, convert_options=convert)
    return np.column_stack([rows[name].to_numpy().astype(float) for name in columns])


def read(folder: Path) -> Stations:
    """Read every station of a folder.

    Raises
    ------
    SystemExit
        If there are none.
    """
    paths = files(folder)
    years, months, days, hours = table(paths[0], ("year", "month", "day", "hour")).astype(np.int64).T
    dates = (years - 1970).astype("datetime64[Y]") + (months - 1).astype("timedelta64[M]")
    dates = dates.astype("datetime64[D]") + (days - 1).astype("timedelta64[D]")
    times = dates.astype("datetime64[h]") + hours.astype("timedelta64[h]")
    names = tuple(path.stem.split("_")[2] for path in paths)
    x = np.stack([table(path) for path in paths], axis=1)
    return Stations(names, times.astype("datetime64[s]").astype(float), x)


def run(stations: Stations, settings: Settings) -> tuple[NDArray[np.float64], float]:
    """Return an engine's forecasts of the target, (N, S, H), and the duration of the run in seconds."""
    rows, count, _ = stations.x.shape
    engine = Engine(settings)
    engine.warmup()
    start = time.perf_counter()
    forecasts = engine.process(
        np.tile(np.arange(count), rows),
        stations.x.reshape(rows * count, -1),
        stations.target.reshape(-1, 1),
        times=np.repeat(stations.times, count),
    )
    return forecasts.reshape(rows, count, -1), time.perf_counter() - start


def measure(stations: Stations, horizon: int, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Return the errors `horizon` hours ahead of the engine with these settings, and of all baselines."""
    fixed = {"inputs": INPUTS, "targets": (TARGET,), "horizon": horizon}
    runs, total_seconds = [], 0.0
    for seed in range(seeds):
        forecasts, seconds = run(stations, Settings.parse(fixed | values | {"seed": seed}))
        runs.append({"seed": seed, **stations.score(forecasts[:, :, -1], horizon)})
        total_seconds += seconds
    engines = {
        name: stations.score(run(stations, Settings.parse(fixed | settings))[0][:, :, -1], horizon)
        for name, settings in baselines.ENGINES.items()
    }
    return {
        "horizon": horizon,
        "mae": float(np.mean([errors["mae"] for errors in runs])),
        "rmse": float(np.mean([errors["rmse"] for errors in runs])),
        "seeds": runs,
        "microseconds": 1e6 * total_seconds / (seeds * stations.target.size),
        "baselines": measure_baselines(stations, horizon) | engines,
    }


def measure_baselines(stations: Stations, horizon: int) -> dict[str, Any]:
    """Return the errors of the naive and the linear forecasts `horizon` hours ahead."""
    first_year = stations.target[:BURN_IN]
    mean, deviation = np.nanmean(first_year, axis=0), np.nanstd(first_year, axis=0)
    z = (stations.target - mean) / deviation
    models = [baselines.online_ar(z[:, s : s + 1], BURN_IN, horizon) for s in range(len(stations.names))]
    linear = mean + deviation * np.hstack([model.forecasts[:, -1] for model in models])
    return {
        "persistence": stations.score(baselines.persistence(stations.target, horizon)[:, -1], horizon),
        "seasonal_naive": stations.score(baselines.seasonal_naive(stations.target, DAY, horizon)[:, -1], horizon),
        "online_ar": stations.score(linear, horizon) | {"lags": [model.lags for model in models]},
    }
