"""Groups of updates (`batch_streams`): rate and accuracy, compared with `update_every`.

    python -m benchmarks.stream_groups
    python -m benchmarks.stream_groups --only rate --json

The rate is that of the reference job with streams that take turns. Each round has all settings; results are medians,
and ratios within rounds. `products` is the rate of a group's products with U^T, 32 x 96 times 96 x 32, relative to that
of NumPy's product of 1024 x 1024 matrices on one core. The accuracy is that of PM2.5 at the Beijing stations an hour
ahead, with the defaults otherwise.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import beijing, options, reference, report
from benchmarks.clock import now, since
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings
from stream_rnn.kernels import products
from stream_rnn.kernels.jit import entry

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9
EVENTS = 16_384
"""Events of a round."""
RATES: tuple[tuple[int, dict[str, Any]], ...] = (
    *((32, {"batch_streams": size}) for size in (1, 4, 8, 16, 32)),
    *((32, {"layer": "lstm", "batch_streams": size}) for size in (1, 32)),
    *((1024, {"batch_streams": size}) for size in (1, 32)),
    *((32, {"update_every": every}) for every in (4, 16)),
)
"""Numbers of streams, and changes of the reference job; a ratio is that to the last one with groups of one."""
BEIJING: tuple[dict[str, Any], ...] = (
    *({"batch_streams": size} for size in (1, 4, 12, 32)),
    {"batch_streams": 12, "learning_rate": 3e-3},
    {"batch_streams": 32, "learning_rate": 3e-3},
    *({"update_every": every} for every in (4, 12)),
)


@entry
def _products(X: Any, W: Any, out: Any, times: int) -> None:
    for _ in range(times):
        products.add_matrix_product(X, 0, W, out)


def product_rate() -> dict[str, float]:
    """Return the rate of the products of a group of 32, and that of NumPy's."""
    rng, times = np.random.default_rng(0), 3000
    shapes = ((32, 3 * reference.HIDDEN), (3 * reference.HIDDEN, reference.HIDDEN), (1024, 1024))
    X, W, A = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    out = np.zeros((len(X), W.shape[1]), np.float32)
    _products(X, W, out, 1)
    own, theirs = [], []
    for _ in range(ROUNDS):
        own.append(2e-9 * times * X.size * W.shape[1] / _thread_seconds(lambda: _products(X, W, out, times)))
        theirs.append(2e-9 * len(A) ** 3 / _thread_seconds(lambda: A @ A))
    share = statistics.median(a / b for a, b in zip(own, theirs, strict=True))
    return {"products, GFLOP/s": statistics.median(own), "SGEMM, GFLOP/s": statistics.median(theirs), "share": share}


def _thread_seconds(run: Callable[[], Any]) -> float:
    start = time.thread_time()
    run()
    return time.thread_time() - start


def rates() -> list[dict[str, Any]]:
    """Return the engine's rate with each of `RATES`."""
    data = reference.data(EVENTS)
    engines = [Engine(Settings(**reference.JOB | changes)) for _, changes in RATES]
    seconds: list[list[float]] = [[] for _ in RATES]
    for turn in range(1 + ROUNDS):
        for (streams, _), engine, found in zip(RATES, engines, seconds, strict=True):
            start = now()
            engine.process(np.arange(EVENTS) % streams, data.x, data.y)
            if turn > 0:
                found.append(since(start))
    rows, base = [], seconds[0]
    for (streams, changes), found in zip(RATES, seconds, strict=True):
        base = found if changes.get("batch_streams") == 1 else seconds[0] if "update_every" in changes else base
        ratio = statistics.median(one / own for one, own in zip(base, found, strict=True))
        microseconds = 1e6 * statistics.median(found) / EVENTS
        job = ", ".join(f"{name} {value}" for name, value in changes.items())
        rows.append({"streams": streams, "job": job, "us per event": microseconds, "relative rate": ratio})
    return rows


def accuracies(folder: Path, seeds: int) -> list[dict[str, Any]]:
    """Return the errors on the Beijing stations with each of `BEIJING`, means over the seeds."""
    stations = beijing.read(folder / "beijing_multisite")
    fixed = {"inputs": beijing.INPUTS, "targets": (beijing.TARGET,)}
    rows = []
    for changes in BEIJING:
        runs = []
        for seed in range(seeds):
            forecasts, _ = beijing.run(stations, Settings.parse(fixed | changes | {"seed": seed}))
            runs.append(stations.score(forecasts[:, :, 0], 1))
        errors = {metric: float(np.mean([run[metric] for run in runs])) for metric in ("mae", "rmse")}
        spread = float(np.ptp([run["rmse"] for run in runs]))
        rows.append({"settings": ", ".join(f"{k} {v:g}" for k, v in changes.items())} | errors | {"spread": spread})
    return rows


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=DATA, help="data folder (default ../shared/data)")
    parser.add_argument("--only", choices=("rate", "accuracy"), help="run one part only")
    parser.add_argument("--seeds", type=options.positive, default=3, help="number of runs, with the seeds 0, 1, ...")
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    if arguments.only != "accuracy":
        results |= {"products": [product_rate()], "reference job": rates()}
    if arguments.only != "rate":
        results["Beijing, one hour ahead"] = accuracies(arguments.folder, arguments.seeds)
    if arguments.json:
        report.show_json(results)
        return
    for title, rows in results.items():
        report.show(title, rows)
    report.show_machine()


if __name__ == "__main__":
    main()
