"""A race against the best of its members: what not knowing the best beforehand costs.

    python -m benchmarks.race --data ../shared/data --json
    python -m benchmarks.race --only regimes --members presets --horizon 6

Prequential, from the first event on, one step ahead or over all steps of a farther horizon. Members are an LRU and a
reservoir with a readout by recursive least squares, and a GRU, all with defaults; or the presets and a GRU.
They are given no times. Beside them is their even average.

The regret is the mixture's mean squared error over that of the member that turned out best on the same rows, less 1;
below 0 the mixture was better than all. Switching regimes are made by autoregressions and a map that take turns.

The constants of the mixing were chosen on other rows: the first 3,600 of ETTh1, which are left out here, the first
12,000 of Beijing's station Aotizhongxin, and regimes of the seeds 100 and 101.
"""

from __future__ import annotations

import argparse
import csv
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import beijing, report
from stream_rnn import Engine, Race, Settings

if TYPE_CHECKING:
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
"""Who races; the presets' members are as unequal as the others are equal."""
CHOSEN_ON = 3600
"""Rows of ETTh1 by which the mixing's constants were chosen."""
STATIONS = ("Changping", "Gucheng", "Wanliu")
WEATHER = ("PM2.5", "TEMP", "DEWP", "WSPM")
DATA = Path(__file__).parents[2] / "shared" / "data"


def ett(file: Path, after: int = 0) -> NDArray[np.float64]:
    """Return the seven columns of a file."""
    with file.open(newline="") as opened:
        return np.array([[float(value) for value in row[1:]] for row in islice(csv.reader(opened), 1 + after, None)])


def regimes(seed: int, count: int = 20_000, turn: int = 1500) -> NDArray[np.float64]:
    """Return a series (count, 1) that is an oscillation, a slow walk and a nonlinear map in turns."""
    rng = np.random.default_rng(seed)
    noise, x = rng.normal(size=count), np.zeros(count)
    for t in range(2, count):
        regime = (t // turn) % 3
        if regime == 0:
            x[t] = 1.6 * x[t - 1] - 0.9 * x[t - 2] + 0.3 * noise[t]
        elif regime == 1:
            x[t] = 0.95 * x[t - 1] + 0.3 * noise[t]
        else:
            x[t] = 3.2 * np.tanh(1.2 * x[t - 1]) - 1.5 * x[t - 2] * (abs(x[t - 1]) < 1) + 0.1 * noise[t]
    return x[:, np.newaxis]


def series(data: Path, name: str, seed: int) -> tuple[NDArray[np.float64], int]:
    """Return a series (N, I), and how many of its columns are forecast."""
    if name == "regimes":
        return regimes(seed), 1
    if name in STATIONS:
        return beijing.table(data / "beijing_multisite" / f"PRSA_Data_{name}_20130301-20170228.csv", WEATHER), 1
    table = ett(data / "ett" / f"{name}.csv", CHOSEN_ON if name == "ETTh1" else 0)
    return table, table.shape[1]


def mse(forecasts: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the mean squared error of forecasts (N, H, D) of y (N, D), in units of each target's variance."""
    errors = [forecasts[: -1 - k, k] - y[1 + k :] for k in range(forecasts.shape[1])]
    return float(np.mean([np.nanmean(error**2, axis=0) / np.nanvar(y, axis=0) for error in errors]))


def run(options: argparse.Namespace, table: NDArray[np.float64], targets: int, seed: int) -> dict[str, Any]:
    """Return the errors of the mixture and of each member alone, and what they took."""
    columns = tuple(f"c{i}" for i in range(table.shape[1]))
    common = {"inputs": columns, "targets": columns[:targets], "horizon": options.horizon, "seed": seed}
    race = Race({name: Settings.parse(common | own) for name, own in MEMBERS[options.members].items()})
    race.warmup()
    learners: dict[str, Race | Engine] = {"mixture": race}
    learners |= {name: Engine(settings) for name, settings in race.member_settings.items()}
    made = []
    y, seconds, errors = table[:, :targets], dict[str, float](), dict[str, float]()
    for name, learner in learners.items():
        began = time.perf_counter()
        forecasts = learner.process(0, table)
        seconds[name] = time.perf_counter() - began
        errors[name] = mse(forecasts, y)
        made.append(forecasts)
    errors["even average"] = mse(np.mean(made[1:], axis=0), y)
    best = min(race.members, key=errors.__getitem__)
    return {
        "seed": seed,
        "mse": errors | {"persistence": mse(np.repeat(y[:, np.newaxis], options.horizon, axis=1), y)},
        "best": best,
        "regret": errors["mixture"] / errors[best] - 1.0,
        "weights": {name: standing.weight for name, standing in race.standings().items()},
        "seconds": seconds,
        "overhead": seconds["mixture"] / sum(seconds[name] for name in race.members) - 1.0,
    }


def main() -> None:
    """Measure, and show."""
    names = ("ETTh1", "ETTm1", *STATIONS, "regimes")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with ett/ and beijing_multisite/")
    parser.add_argument("--only", choices=names, action="append", help="these series only")
    parser.add_argument("--members", choices=list(MEMBERS), default="layers", help="who races")
    parser.add_argument("--horizon", type=int, default=1, help="events ahead")
    parser.add_argument("--seeds", type=int, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    for name in options.only or names:
        found[name] = [run(options, *series(options.data, name, seed), seed) for seed in range(options.seeds)]
    if options.json:
        report.show_json({"members": MEMBERS[options.members], "horizon": options.horizon, "series": found})
        return
    rows = []
    for name, runs in found.items():
        means = {key: float(np.mean([one["mse"][key] for one in runs])) for key in runs[0]["mse"]}
        rows.append({"series": name, **means, "worst regret %": 100 * max(one["regret"] for one in runs)})
    report.show(f"mean squared error 1 to {options.horizon} steps ahead, in units of each target's variance", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
