"""Online recurrent learning on chaotic and recorded series: eight streams that train one network.

    python -m benchmarks.recurrent
    python -m benchmarks.recurrent --only series --series mackey_glass lorenz --seeds 3

There are two parts: the series described here, and the recall task of the module `recall`.

The protocol is that of the SK-RTRL release (2026): input z_t, target z_{t+1}, 64 units, linear readout, Adam at 1e-3,
no clipping, 15,000 steps of eight streams, a reset every 200 steps, truncation after 25 steps. The loss of a step is
the mean squared error over the streams. Every 250 steps the mean loss of the last 200 steps is recorded; the result of
a run is the mean of the last five records.

Architecture, optimizer and windows are the release's; three things differ. The published method makes one update for
all streams, from the mean of their gradients at the end of the window. Here each stream makes an update at the end of
its own window: eight updates where the release has one, each from an eighth of the data. With ``--update-every 1`` a
stream learns at every step from the newest 25. Initial weights are the engine's, with orthogonal recurrent weights and
a zero readout, where the release draws all weights from U(-1/8, 1/8). The random initial values of the series come from
another generator.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import options, recall, report
from benchmarks.chaotic import RECORDED, SERIES, STREAMS, Steps, steps
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    import argparse

PUBLISHED: dict[str, dict[str, float | None]] = {
    "henon": {"gru": 0.0140, "lstm": 0.0102, "rnn": 0.0311},
    "mackey_glass": {"gru": 0.0056, "lstm": 0.0071, "rnn": 0.0080},
    "lorenz": {"gru": 0.0038, "lstm": 0.0056, "rnn": 0.0054},
    "sunspot": {"gru": 0.1330, "lstm": 0.1362, "rnn": None},
    "laser": {"gru": 0.0412, "lstm": 0.0441, "rnn": None},
}
"""Mean NMSE of the release with backpropagation through 25 steps."""

BEST = {"henon": 0.0007, "mackey_glass": 0.0009, "lorenz": 0.0003, "sunspot": 0.131, "laser": 0.0132}
"""Best figures in the protocol's table, of exact cells with a second-order readout."""

RTRL: dict[str, Any] = {
    "update_every": 1,
    "readout": "rls",
    "skip": True,
    "rls_forgetting": 0.99998,
    "rls_ridge": 1e-3,
}
"""Settings of exact cells: an update at every step, and an RLS readout that also sees the input."""

EXACT: dict[str, dict[str, Any]] = {
    "lru": RTRL | {"learning_rate": 3e-5},
    "elstm": RTRL | {"learning_rate": 4e-3},
    "columnar_gru": RTRL | {"learning_rate": 1e-3},
}
"""Rates, forgetting and ridge were chosen on the first 7,500 steps of seed 100, which is not used for results."""

LAYERS = ("gru", "lstm", "rnn", *EXACT)
WINDOW = 25
RECORD_EVERY, RECORD_OVER, RECORDS = 250, 200, 5


def settings(layer: str, update_every: int, seed: int) -> Settings:
    """Return the protocol's settings; the target is the next value, given as a label with the input."""
    protocol: dict[str, Any] = {
        "inputs": ("z",),
        "targets": ("next",),
        "task": "regression",
        "layer": (layer,),
        "hidden": (64,),
        "activation": "tanh",
        "skip": False,
        "missing_flags": False,
        "scale_inputs": False,
        "scale_targets": False,
        "clip": "off",
        "loss": "squared",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "window": WINDOW,
        "update_every": update_every,
        "seed": seed,
    }
    return Settings(**protocol | EXACT.get(layer, {}))


def losses(engine: Engine, run: Steps) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the loss of each step (T,); every forecast is made before its target is learned."""
    count = len(run.x)
    keys = np.tile(np.arange(STREAMS), count)
    forecasts = engine.process(keys, run.x.reshape(-1, 1), run.y.reshape(-1, 1), ends=run.ends.repeat(STREAMS))
    return np.mean((forecasts.reshape(count, STREAMS) - run.y) ** 2, axis=1)


def metric(per_step: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the mean of the last records, each the mean loss of the steps before it."""
    stops = list(range(RECORD_EVERY, len(per_step), RECORD_EVERY))[-RECORDS:]
    return float(np.mean([per_step[max(stop - RECORD_OVER, 0) : stop].mean() for stop in stops]))


def measure(series: str, layer: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all seeds of one layer on one series."""
    nmse, naive, seconds = [], [], 0.0
    for seed in range(arguments.seeds):
        run = steps(series, arguments.steps, seed, arguments.data)
        engine = Engine(settings(layer, arguments.update_every, seed))
        engine.warmup()
        start = time.perf_counter()
        nmse.append(metric(losses(engine, run)))
        seconds += time.perf_counter() - start
        naive.append(metric(np.mean((run.x - run.y) ** 2, axis=1)))
    return {
        "series": series,
        "layer": layer,
        "nmse": float(np.mean(nmse)),
        "spread": float(np.std(nmse)),
        "mark": BEST[series] if layer in EXACT else PUBLISHED[series][layer],
        "persistence": float(np.mean(naive)),
        "seeds": nmse,
        "update_every": settings(layer, arguments.update_every, 0).update_every,
        "events_per_second": arguments.seeds * arguments.steps * STREAMS / seconds,
    }


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--only", choices=("series", "recall"), help="run one part only")
    parser.add_argument(
        "--delays", type=options.positive, nargs="+", default=(10, 100, 1000), help="D of the recall task"
    )
    parser.add_argument("--events", type=options.positive, default=400_000, help="events of the recall task")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=SERIES, help="default: all")
    parser.add_argument(
        "--layers", nargs="+", choices=LAYERS, default=("gru", "lstm", *EXACT), help="default: all but rnn"
    )
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    parser.add_argument("--steps", type=options.positive, default=15_000, help="steps of the series (default 15,000)")
    parser.add_argument(
        "--update-every", type=options.positive, default=WINDOW, help="steps of a stream between updates, 1 to 25"
    )
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder that contains chaotic_real/ (default ../shared/data)"
    )
    arguments = parser.parse_args()
    arguments.data /= "chaotic_real"
    results, skipped = [], []
    recalls = recall.table(arguments.delays, arguments.events, arguments.seeds) if arguments.only != "series" else []
    for series in arguments.series if arguments.only != "recall" else ():
        file = arguments.data / f"{series}.txt"
        if series in RECORDED and not file.exists():
            skipped.append(f"{series} skipped: {file} does not exist; give its parent folder with --data")
            continue
        results += [measure(series, layer, arguments) for layer in arguments.layers]
    if arguments.json:
        report.show_json({"results": results, "skipped": skipped, "recall": recalls})
        return
    columns = ("series", "layer", "update_every", "nmse", "spread", "mark", "persistence", "events_per_second")
    title = f"NMSE, {arguments.seeds} seeds; mark: published figure"
    report.show(title, [{name: row[name] for name in columns} for row in results])
    report.show(f"Recall, {arguments.events:,} events, {arguments.seeds} seeds", recalls)
    for line in skipped:
        report.console.print(line)
    report.show_machine()


if __name__ == "__main__":
    main()
