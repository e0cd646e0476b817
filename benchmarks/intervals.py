"""Whether prediction intervals hold what they say, always and everywhere, and how wide they are for it.

    python -m benchmarks.intervals --json
    python -m benchmarks.intervals --coverage 0.9 --ett ETTm1.csv --beijing PRSA_folder

Two sets of streams: ETTm1, all seven columns 1 to 24 quarter-hours ahead, in deviations of the first fifth; PM2.5 of
twelve stations in Beijing, 1 and 24 hours ahead, as twelve streams of one network. The engine forecasts; the intervals
are put around its forecasts, each before its answer is seen. Widths and Winkler's score (the width, and 2 / (1 -
coverage) for each unit that an answer is beyond it) are over those of `oracle`, the constant width that has the right
coverage in hindsight. `worst` is the coverage that is furthest off among all columns, horizons and stations; `month` is
the root mean square of how far each one's monthly coverage is off, and the furthest.

The constants of the intervals were chosen on ETTh1 and the first half of the Beijing rows. Scored are the rows after
the first fifth of ETTm1, which `constant` is told from, and the second half of Beijing's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks import beijing, interval_peers, report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

HORIZON = 24
FIFTH = 0.2
QUANTILES: dict[str, Any] = {"readout": "gradient", "loss": "quantile"}
MONTH_AT_LEAST = 100
"""Answers that a month needs to count."""


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
    """Those that are scored."""
    scored: int
    """The first row that is."""

    @property
    def months(self) -> NDArray[np.int64]:
        """Return each row's month (T,)."""
        return self.times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)

    def engine(self, **changes: Any) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return forecasts (T, S, H, D, ...) and intervals (T, S, H, D, 2) of the forecast preset with changes."""
        rows, streams = self.x.shape[:2]
        said = {"inputs": self.inputs, "targets": self.targets, "horizon": HORIZON} | changes
        engine = Engine(Settings.preset("forecast", **said))
        keys, times = np.tile(np.arange(streams), rows), np.repeat(self.times, streams)
        _, y = np.nonzero(np.equal.outer(self.targets, self.inputs))
        taken = engine.process_detailed(
            keys, self.x.reshape(rows * streams, -1), self.x[:, :, y].reshape(rows * streams, -1), times
        )
        made, around = taken.forecasts, taken.intervals
        shape = rows, streams
        return made.reshape(*shape, *made.shape[1:]), None if around is None else around.reshape(
            *shape, *around.shape[1:]
        )


class Column(NamedTuple):
    """One target of one stream at one horizon; row t is of the answer at t, to what was said `horizon` rows before."""

    horizon: int
    residuals: NDArray[np.float64]
    """(T,)"""
    quantiles: NDArray[np.float64]
    """(T, levels) less the forecast"""
    ends: dict[float, NDArray[np.float64]]
    """(T, 2) the engine's own of each coverage, less the forecast"""


def read_ett(path: Path) -> Streams:
    """Read a file of ETT: a date, then columns that are all forecast."""
    table = csv.read_csv(path)
    names = tuple(table.column_names[1:])
    values = np.column_stack([table[name].cast(pa.float64()).to_numpy() for name in names])
    fifth = int(FIFTH * len(values))
    z = (values - values[:fifth].mean(axis=0)) / values[:fifth].std(axis=0)
    times = table.column(0).cast(pa.timestamp("s")).to_numpy().astype("datetime64[s]").astype(float)
    return Streams(path.stem, names, names, z[:, np.newaxis], times, tuple(range(1, HORIZON + 1)), fifth)


def read_beijing(folder: Path) -> Streams:
    """Read a folder of stations' files, all of the same hours."""
    stations, horizons = beijing.read(folder), (1, HORIZON)
    half = len(stations.x) // 2
    return Streams("Beijing PM2.5", beijing.INPUTS, (beijing.TARGET,), stations.x, stations.times, horizons, half)


def columns(streams: Streams, coverages: list[float], levels: tuple[float, ...]) -> Iterator[Column]:
    """Let engines forecast values with intervals of each coverage, and another their quantiles."""
    runs = {coverage: streams.engine(interval=coverage) for coverage in coverages}
    forecasts = runs[coverages[0]][0]  # (T, S, H, D), the same with any interval
    quantiles, _ = streams.engine(**QUANTILES, quantiles=levels)  # (T, S, H, D, levels)
    places = [streams.inputs.index(name) for name in streams.targets]
    for s, h, d in np.ndindex(streams.x.shape[1], len(streams.horizons), len(places)):
        ahead = streams.horizons[h]
        centre = forecasts[:-ahead, s, ahead - 1, d]
        residuals = np.full(len(streams.x), np.nan)
        residuals[ahead:] = streams.x[ahead:, s, places[d]] - centre

        def around(made: Any, at: Any = (s, ahead - 1, d), centre: Any = centre) -> NDArray[np.float64]:
            found = np.full((len(streams.x), made.shape[-1]), np.nan)
            found[len(made) - len(centre) :] = made[: len(centre), *at] - centre[:, np.newaxis]
            return found

        yield Column(ahead, residuals, around(quantiles), {share: around(made) for share, (_, made) in runs.items()})


def all_ends(column: Column, coverage: float, levels: tuple[float, ...]) -> dict[str, NDArray[np.float64]]:
    """Return the ends (T, 2) of every method."""
    residuals, rows = column.residuals, len(column.residuals)
    low, high = (levels.index(level) for level in _tails(coverage))
    return {
        "stream_rnn": column.ends[coverage],
        "aci_window_500": interval_peers.adaptive(residuals, column.horizon, coverage),
        "quantile_loss": column.quantiles[:, [low, high]],
        "constant": interval_peers.constant(residuals, int(FIFTH * rows), coverage),
        "oracle": interval_peers.constant(residuals, rows, coverage),
    }


def _tails(coverage: float) -> tuple[float, float]:
    return round((1 - coverage) / 2, 6), round((1 + coverage) / 2, 6)


class Score(NamedTuple):
    """What an interval was worth at one column."""

    coverage: float
    below: float
    above: float
    width: float
    winkler: float
    months: NDArray[np.float64]
    """Coverage of each month."""


def score(streams: Streams, residuals: NDArray[np.float64], ends: NDArray[np.float64], coverage: float) -> Score:
    """Hold the ends (T, 2) against the residuals of the scored rows."""
    answered = ~(np.isnan(residuals) | np.isnan(ends[:, 0]))
    answered[: streams.scored] = False
    e, (low, high), month = residuals[answered], ends[answered].T, streams.months[answered]
    below, above = e < low, e > high
    inside, width = ~(below | above), high - low
    beyond = np.maximum(low - e, 0) + np.maximum(e - high, 0)
    answers = np.bincount(month - month[0])
    monthly = np.bincount(month - month[0], inside)[answers >= MONTH_AT_LEAST] / answers[answers >= MONTH_AT_LEAST]
    winkler = np.mean(width + 2 / (1 - coverage) * beyond)
    means = (float(np.mean(part)) for part in (inside, below, above, width))
    return Score(*means, winkler=float(winkler), months=monthly)


def summary(scores: list[Score], oracle: list[Score], coverage: float) -> dict[str, float]:
    """Return a method's figures over all columns, and over the oracle's."""
    covered = np.array([one.coverage for one in scores])
    off = np.concatenate([one.months for one in scores]) - coverage
    return {
        "coverage": float(covered.mean()),
        "worst": float(covered[np.argmax(np.abs(covered - coverage))]),
        "below": float(np.mean([one.below for one in scores])),
        "above": float(np.mean([one.above for one in scores])),
        "month_rms": float(np.sqrt(np.mean(off**2))),
        "month_worst": float(off[np.argmax(np.abs(off))]) + coverage,
        "width": float(np.mean([one.width for one in scores])),
        "width_ratio": float(np.mean([one.width / best.width for one, best in zip(scores, oracle, strict=True)])),
        "winkler_ratio": float(np.mean([one.winkler / best.winkler for one, best in zip(scores, oracle, strict=True)])),
    }


def measure(streams: Streams, coverages: list[float]) -> list[dict[str, Any]]:
    """Return a row for each coverage and method."""
    levels = tuple(sorted({level for coverage in coverages for level in _tails(coverage)}))
    scores: dict[float, dict[str, list[Score]]] = {coverage: {} for coverage in coverages}
    for column in columns(streams, coverages, levels):
        for coverage in coverages:
            for name, ends in all_ends(column, coverage, levels).items():
                scores[coverage].setdefault(name, []).append(score(streams, column.residuals, ends, coverage))
    return [
        {"method": name, "nominal": coverage, **summary(of_method, found["oracle"], coverage)}
        for coverage, found in scores.items()
        for name, of_method in found.items()
    ]


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def main() -> None:
    """Measure, and show."""
    data = Path(__file__).parent.parent.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ett", type=Path, default=data / "ett" / "ETTm1.csv", help="CSV: a date, then numbers")
    parser.add_argument("--beijing", type=Path, default=data / "beijing_multisite", help="folder of stations' CSVs")
    parser.add_argument("--coverage", type=_share, nargs="+", default=[0.8, 0.9, 0.95])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        sets = [read_ett(options.ett), read_beijing(options.beijing)]
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise SystemExit(str(error)) from None
    found = {streams.name: measure(streams, options.coverage) for streams in sets}
    if options.json:
        report.show_json(found)
        return
    for name, rows in found.items():
        report.show(f"{name}: intervals of a coverage, over the constant width that has it in hindsight", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
