"""Online recurrent learning on chaotic and recorded series: eight streams that train one network.

    python -m benchmarks.recurrent
    python -m benchmarks.recurrent --only series --series mackey_glass lorenz --seeds 3

Two parts: the series described here, and the recall task of `recall`.

The protocol of the SK-RTRL release (2026): input z_t, target z_{t+1}, 64 units, linear readout, Adam at 1e-3, no
clipping, 15,000 steps of eight streams, state zeroed every 200 steps, errors carried back over 25 steps. Every 250
steps the mean of the last 200 steps' losses is noted, a step's loss being the mean square over the streams; a run's
figure is the mean of the last five notes.

Architecture, optimizer and windows are the release's; three things are not. The published update is one for all
streams, the mean of their gradients at the window's end. Here each stream updates when its own window ends: eight
updates where the release has one, each from an eighth of the data. With ``--update-every 1`` a stream learns at every
step from the newest 25. Initial weights are the engine's: orthogonal recurrence, readout at zero, where the release
draws all from U(-1/8, 1/8). The random initial values of the series come from another generator.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import recall, report
from benchmarks.chaotic import RECORDED, SERIES, STREAMS, Steps, steps
from stream_rnn import Engine, Settings

PUBLISHED: dict[str, dict[str, float | None]] = {
    "henon": {"gru": 0.0140, "lstm": 0.0102, "rnn": 0.0311},
    "mackey_glass": {"gru": 0.0056, "lstm": 0.0071, "rnn": 0.0080},
    "lorenz": {"gru": 0.0038, "lstm": 0.0056, "rnn": 0.0054},
    "sunspot": {"gru": 0.1330, "lstm": 0.1362, "rnn": None},
    "laser": {"gru": 0.0412, "lstm": 0.0441, "rnn": None},
}
"""Mean NMSE of the release with backpropagation through 25 steps."""

MARK = {"henon": 0.0007, "mackey_glass": 0.0009, "lorenz": 0.0003, "sunspot": 0.131, "laser": 0.0132}
"""What exact cells with a second-order readout came to before, on the same protocol."""

RTRL: dict[str, Any] = {
    "update_every": 1,
    "readout": "rls",
    "skip": True,
    "rls_forgetting": 0.99998,
    "rls_ridge": 1e-3,
}
"""Exact cells learn at every step; their readout, by recursive least squares, sees the input, too."""

EXACT: dict[str, dict[str, Any]] = {
    "lru": RTRL | {"learning_rate": 3e-5},
    "elstm": RTRL | {"learning_rate": 4e-3},
    "columnar_gru": RTRL | {"learning_rate": 1e-3},
}
"""Rates, forgetting and ridge were chosen on the first 7,500 steps of seed 100; no figure is taken of these."""

LAYERS = ("gru", "lstm", "rnn", *EXACT)
WINDOW = 25
NOTE_EVERY, NOTE_OVER, NOTES = 250, 200, 5


def settings(layer: str, update_every: int, seed: int) -> Settings:
    """Return the protocol's network and learner; the target is the next value, given with the input as a label."""
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
    """Return the loss of each step (T,): every forecast was made before its target was learned."""
    count = len(run.x)
    keys = np.tile(np.arange(STREAMS), count)
    forecasts = engine.process(keys, run.x.reshape(-1, 1), run.y.reshape(-1, 1), ends=run.ends.repeat(STREAMS))
    return np.mean((forecasts.reshape(count, STREAMS) - run.y) ** 2, axis=1)


def metric(per_step: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the mean of the last notes, each the mean over the steps before it."""
    ends = range(NOTE_EVERY, len(per_step), NOTE_EVERY)
    return float(np.mean([per_step[max(end - NOTE_OVER, 0) : end].mean() for end in list(ends)[-NOTES:]]))


def measure(series: str, layer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run all seeds of one layer on one series."""
    found, naive, seconds = [], [], 0.0
    for seed in range(options.seeds):
        run = steps(series, options.steps, seed, options.data)
        engine = Engine(settings(layer, options.update_every, seed))
        engine.warmup()
        began = time.perf_counter()
        found.append(metric(losses(engine, run)))
        seconds += time.perf_counter() - began
        naive.append(metric(np.mean((run.x - run.y) ** 2, axis=1)))
    return {
        "series": series,
        "layer": layer,
        "nmse": float(np.mean(found)),
        "spread": float(np.std(found)),
        "mark": MARK[series] if layer in EXACT else PUBLISHED[series][layer],
        "persistence": float(np.mean(naive)),
        "seeds": found,
        "update_every": settings(layer, options.update_every, 0).update_every,
        "events_per_second": options.seeds * options.steps * STREAMS / seconds,
    }


def main() -> None:
    """Measure what was asked for, and show it beside what was published."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("series", "recall"))
    parser.add_argument("--delays", type=int, nargs="+", default=(10, 100, 1000), help="D of the recall task")
    parser.add_argument("--events", type=int, default=400_000, help="of the recall task")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=SERIES)
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=("gru", "lstm", *EXACT))
    parser.add_argument("--seeds", type=int, default=3, help="runs, with the seeds 0, 1, ...")
    parser.add_argument("--steps", type=int, default=15_000)
    parser.add_argument("--update-every", type=int, default=WINDOW, help="a stream's steps between updates, 1 to 25")
    root = Path(__file__).parent.parent
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data", help="folder of chaotic_real")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.data /= "chaotic_real"
    results, skipped = [], []
    recalled = recall.table(options.delays, options.events, options.seeds) if options.only != "series" else []
    for series in options.series if options.only != "recall" else ():
        if series in RECORDED and not (options.data / f"{series}.txt").exists():
            skipped.append(f"{series} skipped: {options.data / series}.txt is not here; name its folder with --data")
            continue
        results += [measure(series, layer, options) for layer in options.layers]
    if options.json:
        report.show_json({"results": results, "skipped": skipped, "recall": recalled})
        return
    columns = ("series", "layer", "update_every", "nmse", "spread", "mark", "persistence", "events_per_second")
    title = f"NMSE, {options.seeds} seeds"
    report.show(title, [{name: row[name] for name in columns} for row in results])
    report.show(f"Recall, {options.events:,} events, {options.seeds} seeds", recalled)
    for line in skipped:
        report.console.print(line)
    report.show_machine()


if __name__ == "__main__":
    main()
