"""Coverage and width of prediction intervals, overall and by column, horizon, station and month.

    python -m benchmarks.intervals --json
    python -m benchmarks.intervals --coverage 0.9 --ett ETTm1.csv --beijing PRSA_folder

Two data sets: ETTm1, all seven columns 1 to 24 quarter-hours ahead, standardized by the first fifth of the rows; and
PM2.5 of twelve stations in Beijing, 1 and 24 hours ahead, as twelve streams of one network. All methods but the
quantile loss compute intervals around the engine's forecasts. Each interval is computed before its target is known.
Winkler's score is the width, plus 2 / (1 - coverage) per unit by which a target is outside. Widths and Winkler's scores
are relative to those of `oracle`, the constant width that has the right coverage in hindsight. `worst` is the coverage
furthest from the nominal one among all columns, horizons and stations. `month_rms` and `month_worst` are the root mean
square error of the monthly coverages, and the monthly coverage furthest from the nominal one.

The constants of the engine's intervals were chosen on ETTh1 and the first half of the Beijing rows. The second half of
the Beijing rows is scored, and the rows of ETTm1 after the first fifth, from which `constant` takes its width.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import beijing, interval_peers, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HORIZON = 24
FIFTH = 0.2
QUANTILES: dict[str, Any] = {"readout": "gradient", "loss": "quantile"}
MIN_PER_MONTH = 100
"""A month with fewer targets is left out of the monthly coverages."""


class Streams(NamedTuple):
    """Streams that one network forecasts."""

    name: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    x: NDArray[np.float64]
    """(T, S, I)"""
    times: NDArray[np.float64]
    """(T,) seconds since the Unix epoch"""
    horizons: tuple[int, ...]
    """the horizons that are scored"""
    first_scored: int
    """the first row that is scored"""

    @property
    def target_indices(self) -> list[int]:
        """Places of the targets among the inputs."""
        return [self.inputs.index(name) for name in self.targets]

    @property
    def months(self) -> NDArray[np.int64]:
        """Month of each row, (T,)."""
        return self.times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)

    def engine(self, **changes: Any) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return forecasts (T, S, H, D, ...) and intervals (T, S, H, D, 2) of the preset `forecast` with changes."""
        rows, streams = self.x.shape[:2]
        values = {"inputs": self.inputs, "targets": self.targets, "horizon": HORIZON} | changes
        engine = Engine(Settings.preset("forecast", **values))
        keys, times = np.tile(np.arange(streams), rows), np.repeat(self.times, streams)
        y = self.x[:, :, self.target_indices]
        result = engine.process_detailed(keys, self.x.reshape(rows * streams, -1), y.reshape(rows * streams, -1), times)
        forecasts = result.forecasts.reshape(rows, streams, *result.forecasts.shape[1:])
        if result.intervals is None:
            return forecasts, None
        return forecasts, result.intervals.reshape(rows, streams, *result.intervals.shape[1:])


class Column(NamedTuple):
    """One target of one stream at one horizon; row t is about the target at t, forecast `horizon` rows before."""

    horizon: int
    residuals: NDArray[np.float64]
    """(T,)"""
    quantiles: NDArray[np.float64]
    """(T, levels) quantiles by the quantile loss, less the forecast"""
    bounds: dict[float, NDArray[np.float64]]
    """by coverage, (T, 2) bounds of the engine's interval, less the forecast"""


def read_ett(path: Path) -> Streams:
    """Read an ETT file: a date, then columns that are all forecast."""
    table = csv.read_csv(path)
    names = tuple(table.column_names[1:])
    values = np.column_stack([table[name].cast(pa.float64()).to_numpy() for name in names])
    fifth = int(FIFTH * len(values))
    z = (values - values[:fifth].mean(axis=0)) / values[:fifth].std(axis=0)
    times = table.column(0).cast(pa.timestamp("s")).to_numpy().astype("datetime64[s]").astype(float)
    return Streams(path.stem, names, names, z[:, np.newaxis], times, tuple(range(1, HORIZON + 1)), fifth)


def read_beijing(folder: Path) -> Streams:
    """Read a folder of the stations' files, which have the same hours."""
    stations, horizons = beijing.read(folder), (1, HORIZON)
    half = len(stations.x) // 2
    return Streams("Beijing PM2.5", beijing.INPUTS, (beijing.TARGET,), stations.x, stations.times, horizons, half)


def columns(streams: Streams, coverages: list[float], levels: tuple[float, ...]) -> Iterator[Column]:
    """Run an engine with intervals for each coverage, and one with the quantile loss; yield every column."""
    runs = {coverage: streams.engine(interval=coverage) for coverage in coverages}
    forecasts = runs[coverages[0]][0]  # (T, S, H, D), the same with any coverage
    quantiles, _ = streams.engine(**QUANTILES, quantiles=levels)  # (T, S, H, D, levels)
    for s, horizon, d in product(range(streams.x.shape[1]), streams.horizons, range(len(streams.targets))):
        centre = forecasts[:-horizon, s, horizon - 1, d]
        residuals = np.full(len(streams.x), np.nan)
        residuals[horizon:] = streams.x[horizon:, s, streams.target_indices[d]] - centre

        def relative(bounds: Any, at: Any = (s, horizon - 1, d), centre: Any = centre) -> NDArray[np.float64]:
            """Return bounds or quantiles in the rows of their targets, less the forecast."""
            shifted = np.full((len(streams.x), bounds.shape[-1]), np.nan)
            shifted[len(bounds) - len(centre) :] = bounds[: len(centre), *at] - centre[:, np.newaxis]
            return shifted

        intervals = {coverage: relative(bounds) for coverage, (_, bounds) in runs.items()}
        yield Column(horizon, residuals, relative(quantiles), intervals)


def all_bounds(column: Column, coverage: float, levels: tuple[float, ...]) -> dict[str, NDArray[np.float64]]:
    """Return the bounds (T, 2) of every method."""
    residuals, rows = column.residuals, len(column.residuals)
    low, high = (levels.index(level) for level in _tails(coverage))
    return {
        "stream_rnn": column.bounds[coverage],
        "aci_window_500": interval_peers.adaptive(residuals, column.horizon, coverage),
        "quantile_loss": column.quantiles[:, [low, high]],
        "constant": interval_peers.constant(residuals, int(FIFTH * rows), coverage),
        "oracle": interval_peers.constant(residuals, rows, coverage),
    }


def _tails(coverage: float) -> tuple[float, float]:
    """Return the quantile levels of a central interval's bounds."""
    return round((1 - coverage) / 2, 6), round((1 + coverage) / 2, 6)


class Score(NamedTuple):
    """Score of a method's intervals on one column."""

    coverage: float
    below: float
    above: float
    width: float
    winkler: float
    months: NDArray[np.float64]
    """coverage of each month"""


def score(streams: Streams, residuals: NDArray[np.float64], bounds: NDArray[np.float64], coverage: float) -> Score:
    """Score bounds (T, 2) by the residuals (T,) of the rows to be scored."""
    scored = ~(np.isnan(residuals) | np.isnan(bounds[:, 0]))
    scored[: streams.first_scored] = False
    e, (low, high), month = residuals[scored], bounds[scored].T, streams.months[scored]
    below, above = e < low, e > high
    inside, width = ~(below | above), high - low
    outside = np.maximum(low - e, 0) + np.maximum(e - high, 0)
    counts = np.bincount(month - month[0])
    enough = counts >= MIN_PER_MONTH
    monthly = np.bincount(month - month[0], inside)[enough] / counts[enough]
    winkler = np.mean(width + 2 / (1 - coverage) * outside)
    return Score(
        coverage=float(np.mean(inside)),
        below=float(np.mean(below)),
        above=float(np.mean(above)),
        width=float(np.mean(width)),
        winkler=float(winkler),
        months=monthly,
    )


def summary(scores: list[Score], oracle: list[Score], coverage: float) -> dict[str, float]:
    """Return a method's scores, averaged over all columns, and relative to the oracle's."""
    coverages = np.array([each.coverage for each in scores])
    errors = np.concatenate([each.months for each in scores]) - coverage
    pairs = list(zip(scores, oracle, strict=True))
    return {
        "coverage": float(coverages.mean()),
        "worst": float(coverages[np.argmax(np.abs(coverages - coverage))]),
        "below": float(np.mean([each.below for each in scores])),
        "above": float(np.mean([each.above for each in scores])),
        "month_rms": float(np.sqrt(np.mean(errors**2))),
        "month_worst": float(errors[np.argmax(np.abs(errors))]) + coverage,
        "width": float(np.mean([each.width for each in scores])),
        "width_ratio": float(np.mean([each.width / best.width for each, best in pairs])),
        "winkler_ratio": float(np.mean([each.winkler / best.winkler for each, best in pairs])),
    }


def measure(streams: Streams, coverages: list[float]) -> list[dict[str, Any]]:
    """Return a row for each coverage and method."""
    levels = tuple(sorted({level for coverage in coverages for level in _tails(coverage)}))
    scores: dict[float, dict[str, list[Score]]] = {coverage: {} for coverage in coverages}
    for column in columns(streams, coverages, levels):
        for coverage in coverages:
            for method, bounds in all_bounds(column, coverage, levels).items():
                scores[coverage].setdefault(method, []).append(score(streams, column.residuals, bounds, coverage))
    return [
        {"method": method, "nominal": coverage, **summary(of_method, by_method["oracle"], coverage)}
        for coverage, by_method in scores.items()
        for method, of_method in by_method.items()
    ]


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument(
        "--ett", type=Path, default=DATA / "ett" / "ETTm1.csv", help="CSV file: a date, then numeric columns"
    )
    parser.add_argument(
        "--beijing", type=Path, default=DATA / "beijing_multisite", help="folder of the stations' CSV files"
    )
    parser.add_argument(
        "--coverage", type=_share, nargs="+", default=[0.8, 0.9, 0.95], help="nominal coverages (default 0.8 0.9 0.95)"
    )
    arguments = parser.parse_args()
    try:
        data = [read_ett(arguments.ett), read_beijing(arguments.beijing)]
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise SystemExit(str(error)) from None
    results = {streams.name: measure(streams, arguments.coverage) for streams in data}
    if arguments.json:
        report.show_json(results)
        return
    for name, rows in results.items():
        report.show(f"{name}: intervals, relative to the constant width with the right coverage in hindsight", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
