"""The reference job in JAX, the whole stream in one compiled scan: fastest, but without forecasts before the end."""

from __future__ import annotations

import argparse
import json
import statistics

import jax  # type: ignore[import-not-found, unused-ignore]
import jax.numpy as jnp  # type: ignore[import-not-found, unused-ignore]

from benchmarks.clock import now, since
from benchmarks.peers.jax_gru import initial_carry, step


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events of a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    keys = jax.random.split(jax.random.key(1))
    x, y = jax.random.normal(keys[0], (options.events, 8)), jax.random.normal(keys[1], (options.events,))
    carry = initial_carry()
    start = now()
    run = jax.jit(lambda carry, x, y: jax.lax.scan(step, carry, (x, y))).lower(carry, x, y).compile()
    compile_seconds = since(start)
    seconds = []
    for _ in range(options.rounds):
        start = now()
        _, forecasts = run(carry, x, y)
        forecasts.block_until_ready()
        seconds.append(since(start))
    if not bool(jnp.isfinite(forecasts).all()):
        raise SystemExit("forecasts are not finite")
    rate = options.events / statistics.median(seconds)
    print(json.dumps({"events_per_second": rate, "compile_seconds": compile_seconds, "version": jax.__version__}))


if __name__ == "__main__":
    main()
