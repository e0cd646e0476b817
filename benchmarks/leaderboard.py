"""The leaderboard: errors and ranks of the presets and of simple and published online forecasters on twelve files.

    python -m benchmarks.leaderboard
    python -m benchmarks.leaderboard --only exchange_rate --only laser --json
    python -m benchmarks.leaderboard --model auto --model forecast --seeds 3

Forecasts are prequential: each row is forecast before it is learned, and a target is learned when it has arrived.
Errors are means over the horizons 1 to H. Nothing is tuned on the scored rows: the autoregression chooses lags and
forgetting on the rows before them, and Holt-Winters has the settings of river's documentation. For files without an
obvious season, there is no seasonal naive forecast and no Holt-Winters. Models that use times are given them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from river.time_series import HoltWinters

from benchmarks import baselines, leaderboard_cases, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Race, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.leaderboard_cases import Case

    Forecaster = Callable[[Case, int, int], NDArray[np.float64] | None]
    """Returns forecasts (N, S, H, D) of a case for a horizon and a seed; None if it does not apply."""

FROZEN_RESERVOIR: dict[str, Any] = baselines.ENGINES["frozen_reservoir"]
SEASONS_BEFORE = 2
"""Seasons that river's Holt-Winters must have seen."""
DOCUMENTED = {"alpha": 0.3, "beta": 0.1, "gamma": 0.6}
"""Holt-Winters settings of river's documentation."""


def _common(case: Case, horizon: int) -> dict[str, Any]:
    inputs = tuple(f"x{i}" for i in range(case.x.shape[2]))
    common: dict[str, Any] = {"inputs": inputs, "targets": inputs[: case.targets], "horizon": horizon}
    return common if case.times is not None else common | {"calendar": ()}


def _process(case: Case, model: Engine | Race) -> NDArray[np.float64]:
    rows, streams, _ = case.x.shape
    forecasts = model.process(
        np.tile(np.arange(streams), rows),
        case.x.reshape(rows * streams, -1),
        case.y.reshape(rows * streams, -1),
        times=None if case.times is None else np.repeat(case.times, streams),
    )
    return forecasts.reshape(rows, streams, -1, case.targets)


def _engine(values: dict[str, Any]) -> Forecaster:
    def forecast(case: Case, horizon: int, seed: int) -> NDArray[np.float64]:
        return _process(case, Engine(Settings.parse(values | _common(case, horizon) | {"seed": seed})))

    return forecast


def _auto(case: Case, horizon: int, seed: int) -> NDArray[np.float64]:
    return _process(case, Race.preset("auto", **_common(case, horizon), seed=seed))


def _by_stream(model: Callable[[NDArray[np.float64]], NDArray[np.float64]], case: Case) -> NDArray[np.float64]:
    """Return the forecasts of a model of one stream (N, D) -> (N, H, D) for all streams."""
    return np.stack([model(np.ascontiguousarray(case.y[:, s])) for s in range(case.y.shape[1])], axis=1)


def _persistence(case: Case, horizon: int, _: int) -> NDArray[np.float64]:
    return _by_stream(lambda y: baselines.persistence(y, horizon), case)


def _seasonal_naive(case: Case, horizon: int, _: int) -> NDArray[np.float64] | None:
    season = case.season
    return None if season is None else _by_stream(lambda y: baselines.seasonal_naive(y, season, horizon), case)


def _online_ar(case: Case, horizon: int, _: int) -> NDArray[np.float64]:
    def forecast(y: NDArray[np.float64]) -> NDArray[np.float64]:
        known = y[: case.test[0]]
        mean, deviation = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
        z = (y - mean) / np.where(deviation > 0, deviation, 1.0)
        return mean + deviation * baselines.online_ar(z, case.test[0], horizon).forecasts

    return _by_stream(forecast, case)


def _holt_winters(*, multiplicative: bool) -> Forecaster:
    def forecast(case: Case, horizon: int, _: int) -> NDArray[np.float64] | None:
        season = case.season
        if season is None or (multiplicative and np.nanmin(case.y) <= 0):
            return None
        columns = [
            [_holt_winters_column(case.y[:, s, d], season, horizon, multiplicative) for d in range(case.targets)]
            for s in range(case.y.shape[1])
        ]
        return np.moveaxis(np.array(columns), (0, 1), (1, 3))

    return forecast


def _holt_winters_column(
    y: NDArray[np.float64], season: int, horizon: int, multiplicative: bool
) -> NDArray[np.float64]:
    """Return river's forecasts (N, H) of one series; persistence until it has seen two seasons."""
    known = baselines.fill_missing(y[:, np.newaxis])
    forecasts, model = (
        baselines.persistence(known, horizon)[:, :, 0],
        HoltWinters(**DOCUMENTED, seasonality=season, multiplicative=multiplicative),
    )
    for t, value in enumerate(known[:, 0]):
        model.learn_one(float(value))
        if t + 1 >= SEASONS_BEFORE * season:
            forecasts[t] = model.forecast(horizon)
    return forecasts


MODELS: dict[str, Forecaster] = {
    "auto": _auto,
    "forecast": _engine({"preset": "forecast"}),
    "linear": _engine({"preset": "linear"}),
    "reservoir": _engine({"preset": "reservoir"}),
    "defaults": _engine({}),
    "persistence": _persistence,
    "seasonal naive": _seasonal_naive,
    "AR, RLS": _online_ar,
    "frozen reservoir": _engine(FROZEN_RESERVOIR),
    "Holt-Winters": _holt_winters(multiplicative=False),
    "Holt-Winters, multiplicative": _holt_winters(multiplicative=True),
}
SEEDED = ("auto", "forecast", "reservoir", "defaults", "frozen reservoir")
"""Models whose forecasts depend on the seed."""
OURS = ("auto", "forecast", "linear", "reservoir", "defaults")
"""Models that are settings of the engine; the others are the baselines."""


def measure(case: Case, horizon: int, models: list[str], seeds: int) -> dict[str, dict[str, Any]]:
    """Return the errors of each model on a case, their spread over the seeds, and its rank."""
    found: dict[str, dict[str, Any]] = {}
    for name in models:
        runs = list[dict[str, float]]()
        for seed in range(seeds if name in SEEDED else 1):
            forecasts = MODELS[name](case, horizon, seed)
            if forecasts is not None:
                runs.append(case.score(forecasts))
        if runs:
            found[name] = {metric: float(np.mean([run[metric] for run in runs])) for metric in ("mse", "mae")}
            found[name] |= {f"{metric} spread": float(np.ptp([run[metric] for run in runs])) for metric in found[name]}
    for metric in ("mse", "mae"):
        order = sorted(found, key=lambda name: found[name][metric])
        for name, errors in found.items():
            errors[f"{metric} rank"] = order.index(name) + 1
    return found


def run(folder: Path, names: list[str], models: list[str], seeds: int) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the errors of the models, by file and horizon."""
    results = {}
    for name in names:
        case = leaderboard_cases.read(name, folder)
        for horizon in case.horizons:
            results[f"{name} {horizon}"] = measure(case, horizon, models, seeds)
    return results


def mean_ranks(results: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return, for each model, its mean rank, how often it is first, and its worst error relative to a baseline."""
    rows = []
    for name in dict.fromkeys(model for errors in results.values() for model in errors):
        entered = [errors for errors in results.values() if name in errors]
        row: dict[str, Any] = {"model": name}
        for metric in ("mse", "mae"):
            ranks = [errors[name][f"{metric} rank"] for errors in entered]
            row[f"{metric} mean rank"] = float(np.mean(ranks))
            row[f"{metric} first or second"] = f"{sum(rank <= 2 for rank in ranks)} of {len(ranks)}"
            others = [
                errors[name][metric] / min(errors[other][metric] for other in errors if other not in OURS)
                for errors in entered
                if any(other not in OURS for other in errors)
            ]
            row[f"{metric} of the best baseline, worst"] = float(max(others)) if others else None
        rows.append(row)
    return rows


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=DATA, help="data folder (default ../shared/data)")
    parser.add_argument(
        "--only", choices=[*leaderboard_cases.READERS, *leaderboard_cases.LATE], action="append", help="a file"
    )
    parser.add_argument("--model", choices=list(MODELS), action="append", help="a model; may be given several times")
    parser.add_argument("--seeds", type=options.positive, default=1, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    names, models = arguments.only or list(leaderboard_cases.READERS), arguments.model or list(MODELS)
    results = run(arguments.folder, names, models, arguments.seeds)
    ranks = mean_ranks(results)
    if arguments.json:
        report.show_json({"cases": results, "ranks": ranks})
        return
    for title, errors in results.items():
        report.show(title, [{"model": name, **row} for name, row in errors.items()])
    report.show("all files", ranks)
    report.show_machine()


if __name__ == "__main__":
    main()
