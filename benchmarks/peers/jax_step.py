"""The reference job in JAX, one compiled step per event; each forecast is read before the next, as in a live job."""

from __future__ import annotations

import argparse
import json

import jax  # type: ignore[import-not-found, unused-ignore]
import numpy as np

from benchmarks.clock import now, since
from benchmarks.peers.jax_gru import initial_carry, step

WARM_UP = 200


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((options.events + WARM_UP, 8)).astype(np.float32)
    y = rng.standard_normal(options.events + WARM_UP).astype(np.float32)
    compiled_step = jax.jit(step, donate_argnums=0)
    carry = initial_carry()
    total, start = 0.0, now()
    for t in range(options.events + WARM_UP):
        if t == WARM_UP:
            start = now()
        carry, forecast = compiled_step(carry, (x[t], y[t]))
        total += float(forecast)
    rate = options.events / since(start)
    if not np.isfinite(total):
        raise SystemExit("forecasts are not finite")
    print(json.dumps({"events_per_second": rate, "version": jax.__version__}))


if __name__ == "__main__":
    main()
