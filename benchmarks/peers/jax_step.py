"""The reference job in JAX, one compiled step per event, each forecast read before the next: as a live job must."""

from __future__ import annotations

import argparse
import json

import jax
import numpy as np

from benchmarks.clock import now, since
from benchmarks.peers.jax_gru import begin, step

WARM_UP = 200


def main() -> None:
    """Take the events one by one, and print the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((options.events + WARM_UP, 8)).astype(np.float32)
    y = rng.standard_normal(options.events + WARM_UP).astype(np.float32)
    one = jax.jit(step, donate_argnums=0)
    carry = begin()
    total, began = 0.0, now()
    for t in range(options.events + WARM_UP):
        if t == WARM_UP:
            began = now()
        carry, forecast = one(carry, (x[t], y[t]))
        total += float(forecast)
    rate = options.events / since(began)
    if not np.isfinite(total):
        raise SystemExit("forecasts are not finite")
    print(json.dumps({"events_per_second": rate, "version": jax.__version__}))


if __name__ == "__main__":
    main()
