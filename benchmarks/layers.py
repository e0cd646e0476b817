"""Compare recurrent layers on recorded series, with the settings of a preset.

    python -m benchmarks.layers
    python -m benchmarks.layers --preset forecast --only ETTh1 --layer columnar_gru --layer mingru --seeds 3

Files, rows and errors are those of `benchmarks.leaderboard`. All settings but the layer are those of the preset: with
`plain`, 32 units and a readout by gradient; with `forecast`, 32 units, and a readout by recursive least squares that
sees the inputs too. Nothing is tuned. Persistence is in every table.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from benchmarks import baselines, leaderboard_cases, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings
from stream_rnn.layers import LayerName

if TYPE_CHECKING:
    from benchmarks.leaderboard_cases import Case

FILES = ("ETTh1", "sunspot", "laser", "beijing")
LAYERS = ("gru", "lstm", "slstm", "lru", "columnar_gru", "mingru")


def measure(case: Case, values: dict[str, Any], horizon: int, seeds: int) -> dict[str, Any]:
    """Return mean errors of the seeds, their spread, and the processor time of an event."""
    rows, streams, columns = case.x.shape
    inputs = tuple(f"x{i}" for i in range(columns))
    values |= {"inputs": inputs, "targets": inputs[: case.targets], "horizon": horizon}
    if case.times is None:
        values |= {"calendar": ()}
    runs, seconds = [], []
    for seed in range(seeds):
        engine = Engine(Settings.parse(values | {"seed": seed}))
        engine.warmup()
        start = time.process_time()
        forecasts = engine.process(
            np.tile(np.arange(streams), rows),
            case.x.reshape(rows * streams, -1),
            case.y.reshape(rows * streams, -1),
            times=None if case.times is None else np.repeat(case.times, streams),
        )
        seconds.append(time.process_time() - start)
        runs.append(case.score(forecasts.reshape(rows, streams, -1, case.targets)))
    errors = {metric: float(np.mean([run[metric] for run in runs])) for metric in ("mse", "mae")}
    spread = float(np.ptp([run["mse"] for run in runs]))
    return errors | {"mse spread": spread, "us per event": 1e6 * float(np.median(seconds)) / (rows * streams)}


def persistence(case: Case, horizon: int) -> dict[str, Any]:
    """Return the errors of the last value."""
    streams = range(case.x.shape[1])
    forecasts = [baselines.persistence(np.ascontiguousarray(case.y[:, s]), horizon) for s in streams]
    return case.score(np.stack(forecasts, axis=1))


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=DATA, help="data folder (default ../shared/data)")
    parser.add_argument("--only", choices=list(leaderboard_cases.READERS), action="append", help="a file")
    parser.add_argument("--layer", choices=get_args(LayerName), action="append", help="may be given several times")
    parser.add_argument("--preset", choices=("plain", "forecast"), default="plain", help="the other settings")
    parser.add_argument("--horizons", type=options.integers, default=(1, 24), help="default 1,24")
    parser.add_argument("--seeds", type=options.positive, default=1, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    for name in arguments.only or FILES:
        case = leaderboard_cases.read(name, arguments.folder)
        for horizon in arguments.horizons:
            rows = results[f"{name} {horizon}"] = [{"layer": "persistence"} | persistence(case, horizon)]
            for layer in arguments.layer or LAYERS:
                values = {"preset": arguments.preset, "layer": (layer,), "hidden": (32,)}
                rows.append({"layer": layer} | measure(case, values, horizon, arguments.seeds))
            if not arguments.json:
                report.show(f"{name}, horizon {horizon}, {arguments.preset}", rows)
    if arguments.json:
        report.show_json(results)
        return
    report.show_machine()


if __name__ == "__main__":
    main()
