"""A race compared with the best of its members: the cost of not knowing the best member in advance.

    python -m benchmarks.race --data ../shared/data --json
    python -m benchmarks.race --only regimes --members presets --horizon 6

Errors are prequential, from the first event on, one step ahead or averaged over all steps of a longer horizon. The
members are an LRU and a reservoir with RLS readouts and a GRU, all with default settings; or the presets and a GRU.
Events have no times. The even average of the members is shown for comparison.

The regret is the mixture's mean squared error divided by that of the best member on the same rows, minus 1. It is
negative if the mixture is better than every member. The series `regimes` alternates between autoregressions and a
nonlinear map.

The constants of the mixing were chosen on other rows: the first 3,600 of ETTh1, which are left out here, the first
12,000 of Beijing's station Aotizhongxin, and `regimes` of the seeds 100 and 101.
"""

from __future__ import annotations

import csv
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import beijing, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Race, Settings

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

MEMBERS: dict[str, dict[str, dict[str, Any]]] = {
    "layers": {
        "lru+rls": {"layer": "lru", "readout": "rls"},
        "gru": {"layer": "gru"},
        "reservoir+rls": {"layer": "reservoir", "readout": "rls", "hidden": 50},
    },
    "presets": {
        "forecast": {"preset": "forecast"},
        "linear": {"preset": "linear"},
        "reservoir": {"preset": "reservoir"},
        "gru": {"layer": "gru"},
    },
}
"""Members of the races. The layers are about equally good; the presets are not."""
TUNING_ROWS = 3600
"""Rows of ETTh1 on which the constants of the mixing were chosen."""
STATIONS = ("Changping", "Gucheng", "Wanliu")
WEATHER = ("PM2.5", "TEMP", "DEWP", "WSPM")


def ett(path: Path, first: int = 0) -> NDArray[np.float64]:
    """Return the seven columns of an ETT file from a row on."""
    with path.open(newline="") as file:
        return np.array([[float(value) for value in row[1:]] for row in islice(csv.reader(file), 1 + first, None)])


def regimes(seed: int, count: int = 20_000, length: int = 1500) -> NDArray[np.float64]:
    """Return a series (count, 1) that alternates between an oscillation, a slow walk and a nonlinear map."""
    rng = np.random.default_rng(seed)
    noise, x = rng.normal(size=count), np.zeros(count)
    for t in range(2, count):
        regime = (t // length) % 3
        if regime == 0:
            x[t] = 1.6 * x[t - 1] - 0.9 * x[t - 2] + 0.3 * noise[t]
        elif regime == 1:
            x[t] = 0.95 * x[t - 1] + 0.3 * noise[t]
        else:
            x[t] = 3.2 * np.tanh(1.2 * x[t - 1]) - 1.5 * x[t - 2] * (abs(x[t - 1]) < 1) + 0.1 * noise[t]
    return x[:, np.newaxis]


def series(data: Path, name: str, seed: int) -> tuple[NDArray[np.float64], int]:
    """Return a series (N, I), and the number of its columns that are forecast."""
    if name == "regimes":
        return regimes(seed), 1
    if name in STATIONS:
        return beijing.table(data / "beijing_multisite" / f"PRSA_Data_{name}_20130301-20170228.csv", WEATHER), 1
    table = ett(data / "ett" / f"{name}.csv", TUNING_ROWS if name == "ETTh1" else 0)
    return table, table.shape[1]


def mse(forecasts: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the mean squared error of forecasts (N, H, D) of y (N, D), in units of each target's variance."""
    errors = [forecasts[: -1 - k, k] - y[1 + k :] for k in range(forecasts.shape[1])]
    return float(np.mean([np.nanmean(error**2, axis=0) / np.nanvar(y, axis=0) for error in errors]))


def run(arguments: argparse.Namespace, table: NDArray[np.float64], targets: int, seed: int) -> dict[str, Any]:
    """Return the errors and durations of the mixture and of each member by itself."""
    columns = tuple(f"c{i}" for i in range(table.shape[1]))
    common = {"inputs": columns, "targets": columns[:targets], "horizon": arguments.horizon, "seed": seed}
    race = Race({name: Settings.parse(common | own) for name, own in MEMBERS[arguments.members].items()})
    race.warmup()
    learners: dict[str, Race | Engine] = {"mixture": race}
    learners |= {name: Engine(settings) for name, settings in race.member_settings.items()}
    all_forecasts = []
    y, seconds, errors = table[:, :targets], dict[str, float](), dict[str, float]()
    for name, learner in learners.items():
        start = time.perf_counter()
        forecasts = learner.process(0, table)
        seconds[name] = time.perf_counter() - start
        errors[name] = mse(forecasts, y)
        all_forecasts.append(forecasts)
    errors["even average"] = mse(np.mean(all_forecasts[1:], axis=0), y)
    best = min(race.members, key=errors.__getitem__)
    return {
        "seed": seed,
        "mse": errors | {"persistence": mse(np.repeat(y[:, np.newaxis], arguments.horizon, axis=1), y)},
        "best": best,
        "regret": errors["mixture"] / errors[best] - 1.0,
        "weights": {name: standing.weight for name, standing in race.standings().items()},
        "seconds": seconds,
        "overhead": seconds["mixture"] / sum(seconds[name] for name in race.members) - 1.0,
    }


def main() -> None:
    """Run the program."""
    names = ("ETTh1", "ETTm1", *STATIONS, "regimes")
    parser = options.parser(__doc__)
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder with ett/ and beijing_multisite/ (default ../shared/data)"
    )
    parser.add_argument("--only", choices=names, action="append", help="a series; may be given several times")
    parser.add_argument("--members", choices=list(MEMBERS), default="layers", help="members of the race")
    parser.add_argument("--horizon", type=options.positive, default=1, help="events ahead")
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.only or names:
        results[name] = [run(arguments, *series(arguments.data, name, seed), seed) for seed in range(arguments.seeds)]
    if arguments.json:
        report.show_json({"members": MEMBERS[arguments.members], "horizon": arguments.horizon, "series": results})
        return
    rows = []
    for name, runs in results.items():
        means = {model: float(np.mean([each["mse"][model] for each in runs])) for model in runs[0]["mse"]}
        rows.append({"series": name, **means, "worst regret %": 100 * max(each["regret"] for each in runs)})
    report.show(f"mean squared error 1 to {arguments.horizon} steps ahead, in units of each target's variance", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
