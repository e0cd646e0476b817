"""The series of the leaderboard: twelve files, each forecast one step and a season ahead.

ETTh1, ETTm1, weather and exchange have the rows and units of `benchmarks.fsnet`; the chaotic series are those of
`benchmarks.chaotic`, without resets, and Beijing is that of `benchmarks.beijing`. For these and for river's series, the
last 75 % of the rows are scored, in units of the deviation of the first 20 %; models see the original values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from river import datasets

from benchmarks import beijing, chaotic, fsnet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

HORIZONS = (1, 24)
AIRLINE_HORIZONS = (1, 12)
STEPS = 15_000
"""Steps of the generated series."""
BEIJING_DAY = 24


class Case(NamedTuple):
    """Streams of one file."""

    name: str
    x: NDArray[np.float64]
    """(N, S, I) inputs of S streams, NaN where missing; the first D are targets"""
    targets: int
    """D"""
    times: NDArray[np.float64] | None
    """(N,) seconds since the Unix epoch, None if there are none"""
    season: int | None
    """length of the season in rows, None for a series without an obvious one"""
    test: tuple[int, int]
    """first scored row, and one past the last"""
    unit: NDArray[np.float64]
    """(S, D) of errors"""
    horizons: tuple[int, ...] = HORIZONS

    @property
    def y(self) -> NDArray[np.float64]:
        """The values that are forecast, (N, S, D)."""
        return self.x[:, :, : self.targets]

    def score(self, forecasts: NDArray[np.float64]) -> dict[str, float]:
        """Return the errors over the test rows of `forecasts` (N, S, H, D), those of row t for the H rows after it."""
        first, stop = self.test
        errors = [
            (forecasts[first - ahead : stop - ahead, :, ahead - 1] - self.y[first:stop]) / self.unit
            for ahead in range(1, forecasts.shape[2] + 1)
        ]
        return {"mse": float(np.nanmean(np.square(errors))), "mae": float(np.nanmean(np.abs(errors)))}


def read(name: str, folder: Path) -> Case:
    """Return a case by name.

    Raises
    ------
    SystemExit
        If its file is not in the data folder.
    """
    return (READERS | LATE)[name](name, folder)


def _table(name: str, folder: Path) -> Case:
    subfolder = {"exchange_rate": "exchange", "weather": "weather"}.get(name, "ett")
    table = fsnet.read(folder / subfolder / f"{name}.csv")
    season = None if name == "exchange_rate" else table.day
    return Case(name, table.z[:, np.newaxis], len(table.columns), table.times, season, table.rows.test, np.ones(1))


def _late(name: str, folder: Path) -> Case:
    table = fsnet.read(folder / "ett" / f"{name.removesuffix('_late')}.csv", late=True)
    return Case(name, table.z[:, np.newaxis], len(table.columns), table.times, table.day, table.rows.test, np.ones(1))


def _beijing(name: str, folder: Path) -> Case:
    stations = beijing.read(folder / "beijing_multisite")
    return _case(name, stations.x, 1, stations.times, BEIJING_DAY)


def _chaotic(name: str, folder: Path) -> Case:
    count = chaotic.RECORDED.get(name, STEPS)
    steps = chaotic.steps(name, min(count - chaotic.FIRST - 1, STEPS), 0, folder / "chaotic_real")
    return _case(name, steps.x[:, :, np.newaxis], 1, None, None)


def _water_flow(name: str, _: Path) -> Case:
    rows = [(x["Time"].timestamp(), y) for x, y in datasets.WaterFlow()]
    times, values = np.array(rows, np.float64).T
    return _case(name, values[:, np.newaxis, np.newaxis], 1, times, BEIJING_DAY)


def _airline(name: str, _: Path) -> Case:
    rows = [(x["month"].timestamp(), y) for x, y in datasets.AirlinePassengers()]
    times, values = np.array(rows, np.float64).T
    case = _case(name, values[:, np.newaxis, np.newaxis], 1, times, AIRLINE_HORIZONS[1])
    return case._replace(horizons=AIRLINE_HORIZONS)


def _case(
    name: str, x: NDArray[np.float64], targets: int, times: NDArray[np.float64] | None, season: int | None
) -> Case:
    count = len(x)
    unit = np.nanstd(x[: int(0.2 * count), :, :targets], axis=0)
    return Case(name, x, targets, times, season, (count - int(0.75 * count), count), unit)


READERS: dict[str, Callable[[str, Path], Case]] = {
    "ETTh1": _table,
    "ETTm1": _table,
    "weather": _table,
    "exchange_rate": _table,
    "beijing": _beijing,
    "sunspot": _chaotic,
    "laser": _chaotic,
    "mackey_glass": _chaotic,
    "lorenz": _chaotic,
    "henon": _chaotic,
    "WaterFlow": _water_flow,
    "AirlinePassengers": _airline,
}
"""The cases of the leaderboard, by name."""
LATE: dict[str, Callable[[str, Path], Case]] = {"ETTh1_late": _late, "ETTm1_late": _late}
"""The same files with the rows that ADAPT-Z scores."""
