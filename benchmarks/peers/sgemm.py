"""Rate of single-precision matrix products on one thread, in GFLOP/s."""

from __future__ import annotations

import json
import statistics

import numpy as np

from benchmarks.clock import now, since

SIZE = 1024
ROUNDS = 15


def main() -> None:
    """Run the program."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, SIZE, SIZE)).astype(np.float32)
    out = a @ b
    seconds = []
    for _ in range(ROUNDS):
        start = now()
        np.matmul(a, b, out=out)
        seconds.append(since(start))
    print(json.dumps({"gflops": 2 * SIZE**3 / statistics.median(seconds) / 1e9, "size": SIZE}))


if __name__ == "__main__":
    main()
