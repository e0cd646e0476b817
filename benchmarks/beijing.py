"""Many streams: PM2.5 at the Beijing stations, one stream each, hours ahead.

The engine takes the stations' rows hour by hour, all numbers of a row as inputs; a row's forecast is made before any
later row is seen. Rows from `BURN_IN` on count, where what was forecast is known. Baselines run on each station by
itself, and choose by the rows before.
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
"""Rows of a station that do not count: its first year."""
DAY = 24


class Stations(NamedTuple):
    """Rows of all stations, in step."""

    names: tuple[str, ...]
    times: NDArray[np.float64]
    """(N,) seconds since the Unix epoch"""
    x: NDArray[np.float64]
    """(N, S, I), NaN where missing"""

    @property
    def target(self) -> NDArray[np.float64]:
        """What is forecast, (N, S)."""
        return self.x[:, :, INPUTS.index(TARGET)]

    def score(self, said: NDArray[np.float64], ahead: int) -> dict[str, float]:
        """Return the errors of what was said at each row (N, S) of the one so many after it."""
        errors = (said[:-ahead] - self.target[ahead:])[BURN_IN - ahead :]
        return {"mae": float(np.nanmean(np.abs(errors))), "rmse": float(np.sqrt(np.nanmean(errors**2)))}


def files(folder: Path) -> list[Path]:
    """Return the stations' files in a folder.

    Raises
    ------
    SystemExit
        If there are none.
    """
    found = sorted(folder.glob("PRSA_Data_*.csv"))
    if not found:
        raise SystemExit(f"{folder}: no PRSA_Data_*.csv")
    return found


def table(file: Path, columns: tuple[str, ...] = INPUTS) -> NDArray[np.float64]:
    """Return columns of a station's file (N, columns), NaN where missing."""
    how = csv.ConvertOptions(include_columns=columns, null_values=["NA", " "], strings_can_be_null=True)
    found = csv.read_csv(file, convert_options=how)
    return np.column_stack([found[name].to_numpy().astype(float) for name in columns])


def read(folder: Path) -> Stations:
    """Read every station of a folder; `SystemExit` if there are none."""
    found = files(folder)
    years, months, days, hours = table(found[0], ("year", "month", "day", "hour")).astype(np.int64).T
    moments = (years - 1970).astype("datetime64[Y]") + (months - 1).astype("timedelta64[M]")
    moments = moments.astype("datetime64[D]") + (days - 1).astype("timedelta64[D]")
    times = moments.astype("datetime64[h]") + hours.astype("timedelta64[h]")
    names = tuple(file.stem.split("_")[2] for file in found)
    return Stations(names, times.astype("datetime64[s]").astype(float), np.stack([table(f) for f in found], axis=1))


def run(stations: Stations, settings: Settings) -> tuple[NDArray[np.float64], float]:
    """Return what an engine says of the target, (N, S, H), and the seconds it took."""
    count, several, _ = stations.x.shape
    engine = Engine(settings)
    engine.warmup()
    began = time.perf_counter()
    made = engine.process(
        np.tile(np.arange(several), count),
        stations.x.reshape(count * several, -1),
        stations.target.reshape(-1, 1),
        times=np.repeat(stations.times, several),
    )
    return made.reshape(count, several, -1), time.perf_counter() - began


def measure(stations: Stations, ahead: int, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Return the errors so many hours ahead of a preset with changes, of a frozen reservoir, and of the baselines."""
    fixed = {"inputs": INPUTS, "targets": (TARGET,), "horizon": ahead}
    runs, seconds = [], 0.0
    for seed in range(seeds):
        said, took = run(stations, Settings.parse(fixed | values | {"seed": seed}))
        runs.append({"seed": seed, **stations.score(said[:, :, -1], ahead)})
        seconds += took
    beside = {
        name: stations.score(run(stations, Settings.parse(fixed | others))[0][:, :, -1], ahead)
        for name, others in baselines.ENGINES.items()
    }
    return {
        "horizon": ahead,
        "mae": float(np.mean([found["mae"] for found in runs])),
        "rmse": float(np.mean([found["rmse"] for found in runs])),
        "seeds": runs,
        "microseconds": 1e6 * seconds / (seeds * stations.target.size),
        "baselines": compare(stations, ahead) | beside,
    }


def compare(stations: Stations, ahead: int) -> dict[str, Any]:
    """Return the baselines' errors so many hours ahead."""
    first = stations.target[:BURN_IN]
    mean, deviation = np.nanmean(first, axis=0), np.nanstd(first, axis=0)
    z = (stations.target - mean) / deviation
    chosen = [baselines.online_ar(z[:, s : s + 1], BURN_IN, ahead) for s in range(len(stations.names))]
    linear = mean + deviation * np.hstack([model.forecasts[:, -1] for model in chosen])
    return {
        "persistence": stations.score(baselines.persistence(stations.target, ahead)[:, -1], ahead),
        "seasonal_naive": stations.score(baselines.seasonal_naive(stations.target, DAY, ahead)[:, -1], ahead),
        "online_ar": stations.score(linear, ahead) | {"lags": [model.lags for model in chosen]},
    }
