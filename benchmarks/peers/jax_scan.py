"""The reference job in JAX, the whole stream in one compiled scan: as fast as it gets; no forecast before the end."""

from __future__ import annotations

import argparse
import json
import statistics

import jax
import jax.numpy as jnp

from benchmarks.clock import now, since
from benchmarks.peers.jax_gru import begin, step


def main() -> None:
    """Run the stream several times, and print the median rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keys = jax.random.split(jax.random.key(1))
    x, y = jax.random.normal(keys[0], (options.events, 8)), jax.random.normal(keys[1], (options.events,))
    carry = begin()
    began = now()
    whole = jax.jit(lambda carry, x, y: jax.lax.scan(step, carry, (x, y))).lower(carry, x, y).compile()
    compiling = since(began)
    seconds = []
    for _ in range(options.rounds):
        began = now()
        _, forecasts = whole(carry, x, y)
        forecasts.block_until_ready()
        seconds.append(since(began))
    if not bool(jnp.isfinite(forecasts).all()):
        raise SystemExit("forecasts are not finite")
    rate = options.events / statistics.median(seconds)
    print(json.dumps({"events_per_second": rate, "compile_seconds": compiling, "version": jax.__version__}))


if __name__ == "__main__":
    main()
