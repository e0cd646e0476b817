"""How long the largest parts of an event take when each runs alone: an event of the reference job takes at least that.

For GRU and LSTM by units: the products of U with the deltas of the window, the outer products that sum the gradient,
and the optimizer's step. Each is repeated, so that its data are in the nearest cache that holds them. The bandwidth is
that at which the products read U.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import child, options, reference, report
from benchmarks.clock import now, since
from stream_rnn.kernels.aligned import aligned_zeros
from stream_rnn.kernels.jit import entry
from stream_rnn.kernels.products import add_outer_products, add_product_transposed
from stream_rnn.learning.optimizers import Adam, optimizer_step

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS, ROUNDS = 400, 9
INPUTS, WINDOW = len(reference.INPUTS), reference.WINDOW
HIDDEN = (32, 64, 128)


@entry
def _products(repeats: int, U: Any, deltas: Any, out: Any) -> None:
    for _ in range(repeats):
        for age in range(deltas.shape[0]):
            add_product_transposed(U, deltas[age], out)


@entry
def _outer_products(repeats: int, tapes: Any, deltas: Any, rows: Any, gradient: Any) -> None:
    for _ in range(repeats):
        add_outer_products(tapes, 0, deltas, 0, rows, gradient)


@entry
def _optimizer(repeats: int, optimizer: Any, w: Any, moments: Any, g: Any) -> None:
    for _ in range(repeats):
        optimizer_step(optimizer, 1e-3, w, moments, g, 0, w.shape[0], 1.0, 1_000_000)


def measure() -> list[dict[str, Any]]:
    """Return a row for each layer and number of units, times in microseconds per event."""
    with child.one_core():
        peak = child.module("benchmarks.peers.sgemm")["gflops"]
        return [_parts(layer, hidden, peak) for layer in reference.GATES for hidden in HIDDEN]


def _parts(layer: str, hidden: int, peak: float) -> dict[str, Any]:
    columns = reference.GATES[layer] * hidden
    U, out = _noise(hidden, columns), aligned_zeros((hidden,), np.float32)
    deltas, tapes = _noise(WINDOW, columns), _noise(WINDOW, INPUTS + hidden)
    gradient = aligned_zeros((INPUTS + hidden, columns), np.float32)
    count = (INPUTS + hidden) * columns + 4 * hidden
    w, g, moments = _noise(1, count)[0], _noise(1, count)[0], aligned_zeros((2, count), np.float32)
    products = _microseconds(lambda: _products(REPEATS, U, deltas, out))
    outer = _microseconds(lambda: _outer_products(REPEATS, tapes, deltas, np.arange(WINDOW), gradient))
    optimizer = _microseconds(lambda: _optimizer(REPEATS, Adam(1e-3, 0.9, 0.999, 1e-8), w, moments, g))
    total = products + outer + optimizer
    return {
        "layer": f"{layer} {hidden}",
        "products_us": products,
        "gb_per_second": WINDOW * U.nbytes / products / 1e3,
        "outer_products_us": outer,
        "optimizer_us": optimizer,
        "sum_us": total,
        "share_of_sgemm_at_most": reference.product_flops(layer, hidden) / total / 1e3 / peak,
    }


def _noise(rows: int, columns: int) -> Any:
    array = aligned_zeros((rows, columns), np.float32)
    array[...] = 1e-3 * np.random.default_rng(0).standard_normal((rows, columns))
    return array


def _microseconds(run: Callable[[], None]) -> float:
    """Return the microseconds of one repeat."""
    run()
    times = []
    for _ in range(ROUNDS):
        start = now()
        run()
        times.append(since(start))
    return 1e6 * statistics.median(times) / REPEATS


def main() -> None:
    """Run the program."""
    arguments = options.parser(__doc__).parse_args()
    rows = measure()
    if arguments.json:
        report.show_json({"parts": rows})
        return
    report.show("Parts of an event", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
